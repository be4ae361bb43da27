"""The lock's file is removed when the session is free again: who has it open already gets a lock that is nobody's.

Breaks LCK-4. A third run makes a new file and has the session as well. Tidy programs do this; the lock that was waited
for has to be compared with what has its name by then.
"""

from __future__ import annotations

import os

from reference import locks
from reference.home import Home
from reference.parts import Parts
from reference.sessions import SessionLock

BREAKS = ("LCK-4",)


class _SessionLock(SessionLock):
    __slots__ = ()

    def release(self) -> None:
        """Let the next run have it, and leave no file."""
        if self._lock._descriptor >= 0:
            os.unlink(self._lock.path)
        super().release()


def replace(parts: Parts) -> Parts:
    """Swap the lock of a session, and what a lock that was taken is compared with."""

    def session_lock(home: Home, agent: str, session: str, run_id: str) -> SessionLock:
        return _SessionLock(home, agent, session, run_id)

    locks._is_at = lambda descriptor, path: True
    return parts.replace(session_lock=session_lock)
