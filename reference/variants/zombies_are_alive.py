"""Whoever a signal can be sent to is alive: kill(2) with 0 succeeds for a zombie as well [OC#125495].

Breaks LCK-2 and OPS-1. In a container whose first process collects nobody, a run that was killed has its session for
ever, and is listed as running.
"""

from __future__ import annotations

from reference import identity
from reference.variants._pidfile import PidFileLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("LCK-2", "OPS-1")
MAY_BREAK = ("LCK-4",)  # no run asks for the lock in vain, as all look first


def replace(parts: Parts) -> Parts:
    """Swap what tells that a process is dead, and the session lock, which believes in it."""
    identity._DEAD_STATES = ()  # type: ignore[assignment]
    return parts.replace(session_lock=PidFileLock)
