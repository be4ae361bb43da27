"""--timeout begins to count when the run has its session: the wait for that is bounded by the config alone.

Breaks OPS-3. Whoever gives a turn ten seconds waits as long as the run before it takes. No single thread.
"""

from __future__ import annotations

import math

from reference import stopping
from reference.config import ConfigStore, limit
from reference.deadline import Deadline
from reference.sessions import WAIT_SECONDS, SessionLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.errors import Local
    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("OPS-3",)


class _Patient(SessionLock):
    __slots__ = ("_seconds",)

    def __init__(self, home: Home, agent: str, session: str, run_id: str) -> None:
        super().__init__(home, agent, session, run_id)
        self._seconds = limit(ConfigStore(home).read(), "sessionWaitSeconds", WAIT_SECONDS)

    def acquire(self, deadline: Deadline, waiting: Callable[[Local], object]) -> None:
        """Stop the clock of --timeout while waiting."""
        left = deadline.remaining()
        stopping.arm(math.inf)
        try:
            super().acquire(Deadline.after(self._seconds), waiting)
        finally:
            stopping.arm(left)


def replace(parts: Parts) -> Parts:
    """Swap the session lock."""
    return parts.replace(session_lock=_Patient)
