"""A lock is a lease: a holder that has not renewed it for three seconds has lost it, dead or alive [OC#80686].

A holder that was stopped, or whose machine slept, is robbed while it is still at work, and nothing tells it when it
comes back: there is no fencing either.
"""

from __future__ import annotations

import os
import threading
import time

from reference.variants._pidfile import PidFileLock
from reference.variants.transcript_unfenced import Unfenced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from reference.deadline import Deadline
    from reference.errors import Local
    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("LCK-4", "LCK-5")

LEASE_SECONDS = 3.0
RENEWAL_SECONDS = 0.2


class Lease(PidFileLock):
    """Renewed by a thread, as long as there is one."""

    def __init__(self, home: Home, agent: str, session: str, run_id: str) -> None:
        super().__init__(home, agent, session, run_id)
        self._over = threading.Event()
        self._file = -1

    def acquire(self, deadline: Deadline, waiting: Callable[[Local], object]) -> None:
        """Wait for the lease, and keep it. Raises Busy(`session-busy`)."""
        super().acquire(deadline, waiting)
        self._file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._renew, daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Stop renewing, and remove the file if it is still ours."""
        self._over.set()
        if self._file >= 0:
            self._thread.join()
            os.close(self._file)
            self._file = -1
        super().release()

    def is_held(self, record: dict[str, Any]) -> bool:
        """Whether the holder lives and has renewed its lease in time."""
        return super().is_held(record) and time.time() - os.stat(self.path).st_mtime < LEASE_SECONDS

    def _renew(self) -> None:
        """Touch the file until the end, or until it is no longer the one in the folder."""
        while not self._over.wait(RENEWAL_SECONDS) and os.fstat(self._file).st_nlink:
            os.utime(self._file)


def replace(parts: Parts) -> Parts:
    """Swap the session lock, and take the fence away."""
    return parts.replace(session_lock=Lease, transcript=Unfenced)
