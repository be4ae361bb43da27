"""A dead holder's lock is respected until it is old [OC#32799, OC#60258].

Breaks LCK-2. After a SIGKILL the session stays blocked although nobody works in it, as only age tells a
stale lock from a live one.
"""

from __future__ import annotations

import time

from reference import identity
from reference.variants._pidfile import PidFileLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.parts import Parts

BREAKS = (
    "MSG-1",
    "LCK-2",
)
# The turn after a kill is refused; LCK-4: no run asks for the lock in vain, as all look first.
MAY_BREAK = ("AUT-4", "LCK-4", "MSG-3", "MSG-4")

STALE_SECONDS = 1800.0


class StaleWait(PidFileLock):
    """Waits out the dead."""

    def is_held(self, record: dict[str, Any]) -> bool:
        """Whether the holder lives, or has died only lately; a pid of somebody else's frees the lock."""
        pid, since = record.get("pid"), record.get("since")
        if super().is_held(record):
            return True
        unrelated = isinstance(pid, int) and identity.start_time(pid) is not None
        return not unrelated and isinstance(since, (int, float)) and time.time() - since < STALE_SECONDS


def replace(parts: Parts) -> Parts:
    """Swap the session lock."""
    return parts.replace(session_lock=StaleWait)
