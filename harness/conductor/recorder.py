"""Records every change of a folder that the actors make, in order, so that power cuts can be worked out afterwards.

It takes nothing, and holds a call only while another one is at the same file or name. A stopped call is read (its data
too, while its caller's memory cannot change), and its result is worked out at later stops, as `attempts` explains. A
call must have ended when its thread stops again, when the thread is gone, or when /proc/TID/syscall shows it in another
call (proc(5)); the last sync of a process that was killed is taken for not done.

What it cannot reproduce it says: what comes from outside and was not seen to be made, or is partly synced, and two
threads that change one file or one name at the same moment and cannot be told apart. At the end the log is replayed and
compared with the folder, so that what is no system call (stores through mmap) or was never stopped shows as well. Each
of these is a line in `Log.unknown`. Not recorded: owners, and extended attributes but those of users.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.conductor.arrivals import Unclear
from harness.conductor.attempts import Attempt, Copies, Nothing, Writes
from harness.conductor.foresight import MOST_BYTES, Foresight
from harness.conductor.operands import CALLERS_OWN_FAULT
from harness.conductor.stopped import StoppedCall
from harness.powerloss.disk import Disk, shape
from harness.powerloss.log import Change, FileOperation, Log, Sync
from harness.powerloss.materialise import snapshot

_REFUSED = CALLERS_OWN_FAULT | {errno.ENOTDIR, errno.ELOOP}  # what the kernel will say to the caller as well
_PATIENCE = 1.0  # seconds, at most, for a call that another one is in the way of
_LOOKS = 0.0002  # seconds between two looks whether that has ended


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    """A call that was let go and whose result is not known yet."""

    call: StoppedCall
    attempt: Attempt


class Recorder:
    """A director that takes nothing. It has to come before all others, or it would not see what they take.

    `was_killed` tells of an actor whether a signal has ended it. Raises OSError when the folder cannot be read.
    """

    def __init__(self, folder: Path, *, was_killed: Callable[[str], bool] = lambda _: False) -> None:
        self._folder = folder.resolve()
        self._was_killed = was_killed
        self._start, skipped = snapshot(self._folder, most=MOST_BYTES)
        self._disk = Disk(self._start)
        self._foresight = Foresight(self._folder, self._disk)
        self._operations: list[FileOperation] = []
        self._pending: list[_Pending] = []
        self._unknown: dict[str, None] = dict.fromkeys(skipped)  # a set that keeps its order

    def take(self, call: StoppedCall) -> bool:
        """Settle what has happened before, then take down what the call would do."""
        if call.again:  # a signal had interrupted it before it could run
            self._pending = [pending for pending in self._pending if pending.call.thread != call.thread]
        self._settle(call.thread)
        self._see(call)
        if self._foresight.concerns(call):
            self._look_for_stores()
            self._foresee(call)
        return False

    def finish(self) -> Log:
        """The whole log. To be called once, when the actors have ended."""
        self._settle(None)
        for pending in self._pending:
            self._do_not_know(f"whether {self._words(pending.call)} has ended")
        self._look_for_stores()
        now, skipped = snapshot(self._folder, most=MOST_BYTES)
        for reason in (*skipped, *_differences(self._disk, Disk(now))):
            self._do_not_know(reason)
        self._foresight.close()
        return Log(start=self._start, operations=tuple(self._operations), unknown=tuple(self._unknown))

    def _see(self, call: StoppedCall) -> None:
        try:
            self._foresight.arrivals.see(call)
        except OSError as error:
            if error.errno not in _REFUSED:
                raise

    def _foresee(self, call: StoppedCall) -> None:
        try:
            for what, change in self._foresight.arrivals.before(call):
                self._note(call, what, change)
            attempt = self._foresight.attempt(call)
            if attempt is not None and self._others_are_at(attempt):
                self._await_others(call, attempt)
                attempt = self._foresight.attempt(call)  # they have changed what it will find
        except Unclear as reason:
            self._do_not_know(str(reason))
            return
        except OSError as error:
            if error.errno not in _REFUSED:
                raise
            return
        if attempt is None:
            return
        if self._others_are_at(attempt):
            self._do_not_know(f"two threads at once: {self._words(call)}")
        self._pending.append(_Pending(call=call, attempt=attempt))

    def _others_are_at(self, attempt: Attempt) -> bool:
        return any(pending.attempt.touches & attempt.touches for pending in self._pending)

    def _await_others(self, call: StoppedCall, attempt: Attempt) -> None:
        """Keep the call for as long as another one is at its file or its name: that takes no longer than a sync does.

        Who is at it may be computing since, and cannot be told from one who still writes; so it is not for ever.
        """
        until = time.monotonic() + _PATIENCE
        while self._others_are_at(attempt) and time.monotonic() < until:
            time.sleep(_LOOKS)
            self._settle(call.thread)

    def _settle(self, stopped: int | None) -> None:
        """Ask every call that was let go for its result; `stopped` is the thread that has just come back."""
        waiting, self._pending = self._pending, []
        for pending in waiting:
            result = pending.attempt.result(ended=pending.call.thread == stopped or _has_ended(pending.call))
            if result is Nothing.YET:
                self._pending.append(pending)
            elif not isinstance(result, Nothing):
                self._happened(pending, result)

    def _happened(self, pending: _Pending, change: Change) -> None:
        call, attempt = pending.call, pending.attempt
        if isinstance(change, Sync) and _is_gone(call.thread) and self._was_killed(call.actor):
            return
        self._note(call, call.kind.name, change)
        if isinstance(attempt, Writes | Copies) and attempt.synced:
            self._note(call, attempt.synced, Sync(inode=attempt.inode))

    def _note(self, call: StoppedCall, what: str, change: Change) -> None:
        self._make(call.actor, what, self._foresight.relative(call.path), change)

    def _make(self, actor: str, what: str, path: str, change: Change) -> None:
        now = time.time_ns()  # the files' own times count ticks: some would seem older than what was made before them
        self._disk.apply(change, now)
        self._operations.append(FileOperation(actor=actor, call=what, path=path, change=change, at=now))

    def _look_for_stores(self) -> None:
        """Take down what was stored through mmap, which is no call: it was done at some time since the last one."""
        busy = frozenset[tuple[object, ...]]().union(*(pending.attempt.touches for pending in self._pending))
        for actor, change in list(self._foresight.stores(busy)):
            self._make(actor, "mmap", self._disk.path(change.inode), change)

    def _do_not_know(self, reason: str) -> None:
        self._unknown[reason] = None

    def _words(self, call: StoppedCall) -> str:
        return f"{call.kind.name} {self._foresight.relative(call.path)}"


def _differences(ours: Disk, theirs: Disk) -> list[str]:
    """Where the log does not explain the folder as it is."""
    recorded, found = ours.tree(), theirs.tree()

    def differs(path: str) -> bool:
        one, other = recorded.get(path), found.get(path)
        return one is None or other is None or shape({path: one}, dated=False) != shape({path: other}, dated=False)

    paths = sorted({*recorded, *found})
    return [f"{path} changed in a way that was not seen" for path in paths if differs(path)]


def _is_gone(thread: int) -> bool:
    return not Path(f"/proc/{thread}").exists()


def _has_ended(call: StoppedCall) -> bool:
    """Whether a call that was let go must have returned, its thread being in another one, or gone."""
    try:
        number, *rest = Path(f"/proc/{call.thread}/syscall").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return _is_gone(call.thread)
    if number != str(call.kind.number):
        return number != "running"
    return [int(word, 16) for word in rest[: len(call.args)]] != list(call.args)
