"""Who may work in a directory: one run at a time, whichever agent or session it is for (GIT-3).

Two runs in one directory undo each other's edits and meet at git's own locks. A directory is its device and inode here,
so that symbolic links and bind mounts lead to the same lock. A second run queues as for a session (`sessions`), and is
then refused with `workspace-busy`, which names the holder.

A run that was started by a tool of the holder works on the holder's behalf: it takes turns with its siblings and not
with the run that waits for it. Runs of one session are the session lock's business and not decided a second time here.
It refuses to look into other state directories: their runs are not seen.
"""

from __future__ import annotations

import os

from reference.locks import Lock
from reference.sessions import run_chain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.deadline import Deadline
    from reference.errors import Busy, Local
    from reference.home import Home


class WorkspaceLock:
    """The lock of one directory for one run; `owner` is its agent and session."""

    __slots__ = ("_lock", "_name", "home", "owner", "path", "run_id")

    def __init__(self, home: Home, path: str, owner: str, run_id: str) -> None:
        self.home = home
        self.path = path
        self.owner = owner
        self.run_id = run_id
        status = os.stat(path)
        self._name = f"workspace-{status.st_dev:x}-{status.st_ino:x}"
        self._lock = self._at(0)

    def acquire(self, deadline: Deadline, waiting: Callable[[Local], object]) -> None:
        """Wait for the directory until the deadline; before that `waiting` is told who has it (OPS-4).

        Raises Busy(`workspace-busy`) or OSError.
        """
        level = 0
        while not self._lock.try_acquire():
            holder = self._lock.holder()
            if holder.get("run_id") not in run_chain() and holder.get("owner") != self.owner:
                waiting(self._lock.busy())
                self._lock.acquire(deadline)
                return
            level += 1
            self._lock = self._at(level)

    def busy(self) -> Busy:
        """The refusal, naming the holder."""
        return self._lock.busy()

    def release(self) -> None:
        """Let the next run have it."""
        self._lock.release()

    def _at(self, level: int) -> Lock:
        """The lock among the runs that this many runs above them have let in."""
        path, what = self.home.lock(f"{self._name}.{level}"), f"the workspace {self.path}"
        return Lock(path, code="workspace-busy", what=what, run_id=self.run_id, owner=self.owner)
