"""One lock for all sessions of the state directory [OC#112618].

Breaks LCK-1. Agents with workspaces of their own wait for each other, and one that stalls has the others
refused.
"""

from __future__ import annotations

from reference.sessions import SessionLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("LCK-1",)
MAY_BREAK = ("CHD-5", "CHD-7", "CHD-9", "MSG-4", "OPS-1", "OPS-3")  # they need two runs at once


def lock_everything(home: Home, agent: str, session: str, run_id: str) -> SessionLock:
    """The same lock, whichever session it is for."""
    return SessionLock(home, "all", "all", run_id)


def replace(parts: Parts) -> Parts:
    """Swap the session lock."""
    return parts.replace(session_lock=lock_everything)
