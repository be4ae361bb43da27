"""A turn that a tool of the holder starts waits for the holder, which waits for the tool [OC#118625].

The wait has no end of its own: whoever belongs to the holder was meant to be let wait. Only a time-out, if there is
one, ends both.
"""

from __future__ import annotations

from reference.deadline import Deadline
from reference.sessions import SessionLock, run_chain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.errors import Local
    from reference.parts import Parts

BREAKS = ("LCK-7",)


class Patient(SessionLock):
    """Waits for its own kin as long as it takes."""

    __slots__ = ()

    def acquire(self, deadline: Deadline, waiting: Callable[[Local], object]) -> None:
        """Wait for the session. Raises Busy(`session-busy`)."""
        if self._lock.try_acquire():
            return
        waiting(self._lock.busy())
        kin = self._lock.holder().get("run_id") in run_chain()
        self._lock.acquire(Deadline.after(None) if kin else deadline)


def replace(parts: Parts) -> Parts:
    """Swap the session lock."""
    return parts.replace(session_lock=Patient)
