"""A busy session is reported as "the run failed" [OC#113019, OC#69112].

Breaks LCK-6. Neither the exit status nor the document tells contention from a real failure, and nobody
learns who holds the session.
"""

from __future__ import annotations

from reference.errors import Busy, Local
from reference.sessions import SessionLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.deadline import Deadline
    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("LCK-6",)


class Untyped:
    """Knows what happened, and does not say."""

    def __init__(self, home: Home, agent: str, session: str, run_id: str) -> None:
        self._lock = SessionLock(home, agent, session, run_id)

    def acquire(self, deadline: Deadline, waiting: Callable[[Local], object]) -> None:
        """Wait for the lock. Raises Local(`run-failed`)."""
        try:
            self._lock.acquire(deadline, waiting)
        except Busy:
            raise self.busy() from None

    def busy(self) -> Local:
        """The refusal."""
        return Local("run-failed", "the run failed")

    def release(self) -> None:
        """Let the next run have it."""
        self._lock.release()


def replace(parts: Parts) -> Parts:
    """Swap the session lock."""
    return parts.replace(session_lock=Untyped)
