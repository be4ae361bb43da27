"""A session lock as many projects have it: a file that is created and removed, with a record of its holder.

This one is not wrong yet: a holder is its pid, start time and boot id, and a dead one is replaced at once.
Each variant takes away one of these properties. Taking over is serialised by a kernel lock, so that two
waiters never both win: that would be another mistake than the one a variant stands for.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import suppress

from reference import durable, identity, sessions
from reference.locks import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from reference.deadline import Deadline
    from reference.errors import Local
    from reference.home import Home

_PAUSE = 0.01


class PidFileLock:
    """One session's lock file; `is_held` and `release` are what variants change."""

    def __init__(self, home: Home, agent: str, session: str, run_id: str) -> None:
        self.path = home.session_lock(agent, session)
        self.run_id = run_id
        self.held = False
        self._descriptor = -1
        what = f"session {session} of agent {agent}"
        self._busy = Lock(self.path, code="session-busy", what=what)  # for its wording only; never acquired
        self._guard = Lock(home.lock(f"guard-{agent}.{session}"))

    def acquire(self, deadline: Deadline, waiting: Callable[[Local], object]) -> None:
        """Wait for the lock. Raises Busy(`session-busy`)."""
        tries = 0
        while not self._try(deadline):
            own = self.record().get("run_id") in sessions.run_chain()
            if own or deadline.passed():
                raise self.busy()
            if not tries:
                waiting(self.busy())
            tries += 1
            time.sleep(_PAUSE)

    def busy(self) -> Local:
        """The refusal, naming the holder of the record."""
        return self._busy.busy()

    def release(self) -> None:
        """Remove the file, if it is still ours."""
        if self.is_ours():
            os.unlink(self.path)
        self.held = False

    def is_ours(self) -> bool:
        """Whether we have had the lock, and nobody has taken it away or deleted its file."""
        return self.held and self.record().get("run_id") == self.run_id

    def is_held(self, record: dict[str, Any]) -> bool:
        """Whether the holder of this record still lives."""
        pid, started = record.get("pid"), record.get("start_time")
        if not isinstance(pid, int) or not isinstance(started, int):
            return False
        return identity.is_alive(pid, started, str(record.get("boot_id")))

    def record(self) -> dict[str, Any]:
        """What the file says; empty when there is none."""
        return self._busy.holder()

    def write(self, pid: int | None) -> None:
        """Put a record into place, whole."""
        record = {
            "pid": pid,
            "start_time": identity.start_time(os.getpid()),
            "boot_id": identity.boot_id(),
            "run_id": self.run_id,
            "since": round(time.time(), 3),
        }
        durable.replace(self.path, json.dumps(record).encode() + b"\n")
        self._show_that_it_is_at_work()

    def _show_that_it_is_at_work(self) -> None:
        """Take a kernel's lock on the record too: by these `doctor` knows what to leave alone. Nobody else asks."""
        before, self._descriptor = self._descriptor, -1
        with suppress(FileNotFoundError):
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        if before >= 0:
            os.close(before)

    def _try(self, deadline: Deadline) -> bool:
        with self._guard.acquire(deadline.sooner(1.0)):
            record = self.record()
            if record and self.is_held(record):
                return False
            self.write(os.getpid())
            self.held = True
            return True
