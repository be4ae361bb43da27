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
    from typing import Any

    from reference.deadline import Deadline
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

    def acquire(self, deadline: Deadline) -> None:
        """Wait for the lease, and keep it. Raises Busy(`session-busy`)."""
        super().acquire(deadline)
        threading.Thread(target=self._renew, daemon=True).start()

    def release(self) -> None:
        """Stop renewing, and remove the file if it is still ours."""
        self._over.set()
        self.held = self.held and self.record().get("run_id") == self.run_id
        super().release()

    def is_held(self, record: dict[str, Any]) -> bool:
        """Whether the holder lives and has renewed its lease in time."""
        return super().is_held(record) and time.time() - os.stat(self.path).st_mtime < LEASE_SECONDS

    def _renew(self) -> None:
        while not self._over.wait(RENEWAL_SECONDS) and self.record().get("run_id") == self.run_id:
            os.utime(self.path)


def replace(parts: Parts) -> Parts:
    """Swap the session lock, and take the fence away."""
    return parts.replace(session_lock=Lease, transcript=Unfenced)
