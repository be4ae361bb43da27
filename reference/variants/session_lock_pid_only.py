"""A lock file holds a pid, and whoever has that pid now holds the lock [OC#31320].

Breaks LCK-3. After a reboot or after 32,768 processes the pid of a dead holder belongs to somebody else,
and the session is blocked until that unrelated process ends.
"""

from __future__ import annotations

from reference import identity
from reference.variants._pidfile import PidFileLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.parts import Parts

BREAKS = ("LCK-3",)
MAY_BREAK = ("LCK-4",)  # no run asks for the lock in vain, as all look first


class PidOnly(PidFileLock):
    """Believes in pids."""

    def is_held(self, record: dict[str, Any]) -> bool:
        """Whether any process has this pid."""
        pid = record.get("pid")
        return isinstance(pid, int) and identity.start_time(pid) is not None


def replace(parts: Parts) -> Parts:
    """Swap the session lock."""
    return parts.replace(session_lock=PidOnly)
