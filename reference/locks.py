"""Exclusive locks between processes, on flock(2).

Why not a lock file that is created and removed: it outlives its holder, and then a stale lock has to be told from a
live one. The kernel frees a flock with its last descriptor, however the holder ended, so there is no stale lock and
no time after which one is "probably" stale. Why not the `filelock` package: it imports asyncio, which costs several
times the start of an interpreter (docs/reference.md has the figures).

What is added to flock: a deadline, and a record of the holder, so that "busy" can say who. The record is information
only: who holds the lock is decided by the kernel alone, whatever a leftover record says. A lock file is never removed:
a waiter may have it open already.

Descriptors are close-on-exec. A child that is forked without exec must call `close_inherited`.
"""

from __future__ import annotations

import fcntl
import os
import time

from reference import durable, identity
from reference.errors import Busy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from reference.deadline import Deadline

_FIRST_PAUSE = 0.001  # seconds; flock(2) has no deadline of its own, so waiting is asking again
_LONGEST_PAUSE = 0.02

_held: set[int] = set()


class Lock:
    """One exclusive lock, held by one process at a time and not re-entrant.

    `code` and `what` name it in errors; `run_id` and `owner` go into the holder's record.
    """

    __slots__ = ("_descriptor", "code", "owner", "path", "run_id", "what")

    def __init__(
        self, path: str, *, code: str = "lock-busy", what: str = "", run_id: str = "", owner: str = ""
    ) -> None:
        self.path = path
        self.code = code
        self.what = what or path
        self.run_id = run_id
        self.owner = owner
        self._descriptor = -1

    def acquire(self, deadline: Deadline) -> Lock:
        """Wait for the lock until the deadline. Raises Busy naming the holder, or OSError with the path."""
        pause = _FIRST_PAUSE
        while not self.try_acquire():
            if deadline.passed():
                raise self.busy()
            left = deadline.remaining()
            time.sleep(pause if left is None else min(pause, left))
            pause = min(pause * 2, _LONGEST_PAUSE)
        return self

    def try_acquire(self) -> bool:
        """Take the lock if it is free now."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, 0o600)
        try:
            with durable.naming(self.path):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                ours = _is_at(descriptor, self.path)  # somebody may have removed the file that we opened
        except BlockingIOError:
            ours = False
        except BaseException:
            os.close(descriptor)
            raise
        if not ours:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        _held.add(descriptor)
        self._write_record()
        return True

    def release(self) -> None:
        """Give the lock up; harmless when it is not held."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        _held.discard(descriptor)
        try:
            os.ftruncate(descriptor, 0)  # a record that stays behind tells of a crash
        except OSError:
            pass  # of the record nothing depends: what was done under the lock is done
        finally:
            os.close(descriptor)

    def holder(self) -> dict[str, object]:
        """The last holder's {pid, start_time, boot_id, run_id, owner, since}; empty if there is none to read."""
        from reference import jsonfile

        try:
            return jsonfile.parse_object(durable.read(self.path))
        except (OSError, jsonfile.Damaged):
            return {}

    def busy(self) -> Busy:
        """The typed refusal, naming the holder's pid, run and age in seconds."""
        from reference import jsonfile

        record = self.holder()
        since = jsonfile.number(record.get("since"))
        # A clock that was set back since must not make it negative.
        age = None if since is None else round(max(time.time() - since, 0.0), 3)
        holder = {"pid": record.get("pid"), "run_id": record.get("run_id"), "age_seconds": age}
        who = f"process {holder['pid']}" if holder["pid"] else "another process"
        held = f" for {age:.1f} s" if age is not None else ""
        return Busy(
            self.code,
            f"{self.what} is in use by {who}{held}",
            hint="wait for it to end, or see `reference runs list` and `reference runs cancel`",
            detail={"holder": holder, "lock": self.path},
        )

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _write_record(self) -> None:
        """One pwrite, so that a reader sees no record or a whole one."""
        pid = os.getpid()
        text = (
            f'{{"pid": {pid}, "start_time": {identity.start_time(pid)}, "boot_id": "{identity.boot_id()}", '
            f'"run_id": "{self.run_id}", "owner": "{self.owner}", "since": {time.time():.3f}}}'
        )
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, text.encode("ascii") + b"\n", 0)
        except OSError:
            return  # a full disk must not take away a lock that we already hold


def is_free(path: str) -> bool:
    """Whether nobody holds the lock at this moment; makes no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    try:
        with durable.naming(path):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def close_inherited() -> None:
    """Close every lock descriptor in a process forked without exec.

    flock belongs to the open file, which the child shares: as long as the child has it open, the lock stays
    held after its parent's death.
    """
    while _held:
        os.close(_held.pop())


def _is_at(descriptor: int, path: str) -> bool:
    try:
        now = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (now.st_dev, now.st_ino) == (mine.st_dev, mine.st_ino)
