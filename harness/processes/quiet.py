"""Whether a set of processes can get no further until something outside them happens.

Two looks must agree: no thread runs, wants to run or waits for a disk, and none has been on a processor in between
(/proc/PID/task/TID/schedstat counts that, where the kernel keeps it; else the clock ticks of proc(5)). A thread whose
sleep ends soon by itself is waited for, up to a limit: so a back-off between two attempts takes its time in every run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from harness.processes import stat
from harness.processes.dozing import Read, dozes

_VFORKING = frozenset({"56", "58", "435"})  # clone, vfork, clone3: the parent waits, uninterruptibly, for the exec
_SOON = 1.0  # seconds: the longest sleep that is waited for, and the longest that any number of them is waited for

Reading = frozenset[tuple[str, str]]


class Quiet:
    """Remembers the last look at one actor's processes."""

    def __init__(self, read: Read) -> None:
        self._read_memory = read
        self._last: Reading | None = None
        self._began = time.monotonic()
        self._waits_until = self._began + _SOON

    def look(self, pids: Iterable[int], *, awaken: bool = True) -> bool:
        """Look once; True when this look and the one before found the same, and nothing running.

        With `awaken` a thread that will go on soon by itself counts as running.
        """
        reading = _read(pids)
        same = reading is not None and reading == self._last
        self._last = reading
        return same and not (awaken and self._dozing(reading or frozenset()))

    def lasts(self, seconds: float) -> bool:
        """Whether it is longer ago than that that the first look could be taken."""
        return time.monotonic() - self._began > seconds

    def _dozing(self, reading: Reading) -> bool:
        left = self._waits_until - time.monotonic()
        return left > 0 and any(dozes(int(thread), left, self._read_memory) for thread, _ in reading)


def _read(pids: Iterable[int]) -> Reading | None:
    """What every thread has consumed so far; None when one of them is not asleep."""
    found = []
    for pid in pids:
        try:
            threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - as in stat.py: read very often
        except OSError:
            continue
        for thread in threads:
            fields = stat.fields(pid, thread)
            if fields is None or fields[0] in ("Z", "X"):
                continue
            if fields[0] == "R" or (fields[0] == "D" and not _vforking(thread)):
                return None
            found.append((thread, f"{_consumed(pid, thread)} {fields[11]} {fields[12]}"))
    return frozenset(found)


def _consumed(pid: int, thread: str) -> str:
    try:
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return ""


def _vforking(thread: str) -> bool:
    """Whether a thread sleeps because its child borrows its memory (vfork(2))."""
    try:
        with open(f"/proc/{thread}/syscall", encoding="ascii") as file:  # noqa: PTH123
            return file.read().partition(" ")[0] in _VFORKING
    except OSError:
        return False
