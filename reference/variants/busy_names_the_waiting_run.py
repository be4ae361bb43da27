"""The refusal of a busy session names the run that was refused, in place of the one that has the session.

Breaks LCK-6. The hint says to cancel that run. No single thread.
"""

from __future__ import annotations

from reference.errors import Busy
from reference.sessions import SessionLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.deadline import Deadline
    from reference.errors import Local
    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("LCK-6",)


class _Lock(SessionLock):
    __slots__ = ("_run",)

    def __init__(self, home: Home, agent: str, session: str, run_id: str) -> None:
        super().__init__(home, agent, session, run_id)
        self._run = run_id

    def acquire(self, deadline: Deadline, waiting: Callable[[Local], object]) -> None:
        try:
            super().acquire(deadline, waiting)
        except Busy as busy:
            raise self._renamed(busy) from None

    def busy(self) -> Busy:
        return self._renamed(super().busy())

    def _renamed(self, busy: Busy) -> Busy:
        holder = busy.detail["holder"]
        assert isinstance(holder, dict)
        holder["run_id"] = self._run
        return busy


def replace(parts: Parts) -> Parts:
    """Swap the session lock."""
    return parts.replace(session_lock=_Lock)
