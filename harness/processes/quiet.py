"""Whether a set of processes can get no further until something outside them happens.

Two looks must agree: no thread runs, wants to run or waits for a disk, and none has been on a processor in between
(/proc/PID/task/TID/schedstat counts that, where the kernel keeps it; else the clock ticks of proc(5)). A thread whose
sleep ends soon by itself is waited for, up to a limit: so a back-off between two attempts takes its time in every run.
Time that a thread waits for a processor counts for nothing: how busy the machine is must not decide what is seen.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from harness.processes import stat
from harness.processes.dozing import Read, dozes

_CLONE, _VFORK, _CLONE3 = "56", "58", "435"  # calls, as /proc/TID/syscall numbers them on x86-64
_CLONE_VFORK = 0x4000  # linux/sched.h: the parent waits, uninterruptibly, for the exec
_FLAGS_SIZE = 8  # bytes, at the beginning of clone3's struct clone_args
_SOON = 1.0  # seconds: the longest sleep that is waited for, and how long any number of them is
_IN_VAIN = 3  # times that a thread was waited for in vain, for so long, until it is not any more
_AWHILE = 0.05  # seconds asleep in all, from which on it is looked whether it will wake up by itself
_LOOKS = 10  # at which it was to, and times that it then has
_LATE = 0.05  # seconds: the most that is taken for slept between two looks, however late the second one comes
_IDLE = 3  # who has slept this many times as long as it has worked does nothing but look; a shell's looks are dear
_TICKS = os.sysconf("SC_CLK_TCK")

Reading = frozenset[tuple[str, str]]


class Tickers:
    """Threads that wake up all the time, and nothing comes of it: each was waited for, several times in a row.

    As one does that looks once a second whether it is to end, or redraws a screen. To wait for it at each step of its
    actor's others would cost a second each time.
    """

    def __init__(self) -> None:
        self._in_vain = Counter[int]()  # by thread

    def __contains__(self, thread: int) -> bool:
        return self._in_vain[thread] >= _IN_VAIN

    def wait_in_vain(self, threads: Iterable[int]) -> None:
        """These were waited for, for as long as any are."""
        self._in_vain.update(threads)

    def stops(self, thread: int) -> None:
        """It has made a call."""
        del self._in_vain[thread]


class Quiet:
    """Remembers the looks at one actor's processes since it was let go; `tickers` are those of the actor."""

    def __init__(self, read: Read, tickers: Tickers | None = None) -> None:
        self._read_memory = read
        self._tickers = tickers or Tickers()
        self._last: Reading | None = None
        self._looked = self._began = time.monotonic()
        self.slept = self._dozed = 0.0  # seconds
        self._worked_before: float | None = None
        self._turns: Turns | None = None  # since it was found so for the tenth time
        self._naps = 0  # looks at which it slept, and was to wake up soon

    def look(
        self, pids: Collection[int], *, stopped: Collection[int] = (), awaken: Collection[int] | None = None
    ) -> bool:
        """Look once; True when this look and the one before found the same, and nothing running.

        `stopped` are threads that wait at a call. Of the processes of `awaken` (None: all) one that will go on soon by
        itself counts as running.
        """
        now = time.monotonic()
        since, self._looked = now - self._looked, now
        if self._worked_before is None:
            self._worked_before = _worked(pids)
        reading = _read(pids, self._read_memory, stopped)
        same = reading is not None and reading == self._last
        self._last = reading
        if reading is not None:
            self.slept += min(since, _LATE)
        self._naps += self.slept > _AWHILE and self.dozes()
        return same and not self._dozing(_of(awaken, reading or frozenset()), since)

    def dozes(self) -> bool:
        """Whether it slept at the last look, and is to wake up soon by itself."""
        return self._last is not None and self._will_wake(self._last)

    def awake(self, pids: Collection[int]) -> bool:
        """Whether a thread runs or is about to, without a look that counts."""
        return _read(pids, self._read_memory) is None

    def naps(self, pids: Collection[int]) -> bool:
        """Whether it wakes up again and again, and hardly works: it looks whether what it waits for is there."""
        if self._naps < _LOOKS:
            return False
        if self._turns is None:
            self._turns = Turns(pids)
            return False
        worked = _worked(pids) - (self._worked_before or 0.0)
        return self._turns.since(pids) >= _LOOKS and _IDLE * worked < self.slept

    def lasts(self, seconds: float, pids: Collection[int]) -> bool:
        """Whether it has been on a processor, and asleep in between, for longer than that.

        On a busy machine it may have waited for a processor for as long again, which is not its doing.
        """
        if time.monotonic() - self._began <= seconds:  # the cheap answer to nearly every question
            return False
        return self.slept + _worked(pids) - (self._worked_before or 0.0) > seconds

    def _will_wake(self, reading: Reading) -> bool:
        return any(self._wakes(thread) for thread, _ in reading)

    def _wakes(self, thread: str) -> bool:
        return dozes(int(thread), _SOON, self._read_memory)

    def _dozing(self, reading: Reading, since: float) -> bool:
        if self._dozed > _SOON:
            return False
        others = frozenset(row for row in reading if int(row[0]) not in self._tickers)
        if not self._will_wake(others):
            return False
        self._dozed += since
        if self._dozed > _SOON:
            self._tickers.wait_in_vain(int(thread) for thread, _ in others if self._wakes(thread))
        return True


class Turns:
    """How often processes have been on a processor since now."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._before = _turns(pids)

    def since(self, pids: Iterable[int]) -> int:
        """The most that one of them has had; 0 where the kernel does not count that."""
        return max((had - self._before.get(pid, had) for pid, had in _turns(pids).items()), default=0)


def _of(pids: Collection[int] | None, reading: Reading) -> Reading:
    """What was read of these processes' threads."""
    if pids is None:
        return reading
    threads = {thread for pid in pids for thread in _threads(pid)}
    return frozenset((thread, consumed) for thread, consumed in reading if thread in threads)


def _turns(pids: Iterable[int]) -> dict[int, int]:
    """By process; /proc/PID/task/TID/schedstat has the number as its third."""
    told = {pid: [line for thread in _threads(pid) if (line := _consumed(pid, thread))] for pid in pids}
    return {pid: sum(int(line.split()[2]) for line in lines) for pid, lines in told.items()}


def _worked(pids: Iterable[int]) -> float:
    """Seconds of processor time that they have used, with those of their children that have ended."""
    found = [stat.fields(pid) for pid in pids]
    return sum(int(ticks) for fields in found if fields for ticks in fields[11:15]) / _TICKS


def _read(pids: Iterable[int], read: Read, stopped: Collection[int] = ()) -> Reading | None:
    """What every thread has consumed so far; None when one of them is not asleep.

    One at a stopped call sleeps uninterruptibly once a signal has come for it (seccomp(2), WAIT_KILLABLE_RECV).
    """
    found = []
    for pid in pids:
        for thread in _threads(pid):
            fields = stat.fields(pid, thread)
            if fields is None or fields[0] in ("Z", "X"):
                continue
            if fields[0] == "R" or (
                fields[0] == "D" and int(thread) not in stopped and not lends_memory(int(thread), read)
            ):
                return None
            found.append((thread, f"{_consumed(pid, thread)} {fields[11]} {fields[12]}"))
    return frozenset(found)


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - as in stat.py: read very often
    except OSError:
        return []


def _consumed(pid: int, thread: str) -> str:
    try:
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return ""


def lends_memory(thread: int, read: Read) -> bool:
    """Whether a thread that sleeps uninterruptibly waits for its child's exec (vfork(2)), and not for a disk or lock.

    A fork that copies its memory sleeps in the same calls, and as deeply, while others change the mappings of a library
    that it shares with them: that one works, and its child is yet to come.
    """
    try:
        with open(f"/proc/{thread}/syscall", encoding="ascii") as file:  # noqa: PTH123
            return _borrows(thread, file.read().split(), read)
    except OSError:
        return False


def _borrows(thread: int, call: Sequence[str], read: Read) -> bool:
    """Whether this call (as /proc/TID/syscall tells it) makes a child in the memory of its parent. Raises OSError."""
    number, first, *_ = *call, "0", "0"
    if number == _CLONE3:
        return bool(int.from_bytes(read(thread, int(first, 16), _FLAGS_SIZE), "little") & _CLONE_VFORK)
    return number == _VFORK or (number == _CLONE and bool(int(first, 16) & _CLONE_VFORK))
