"""Whether a sleeping thread has set itself an alarm, and will soon go on without anybody's doing.

/proc/TID/syscall (proc(5)) says in which call a thread sleeps, and with which arguments; where the time stands among
them is in the table. Source: the manual pages of the calls, section 2.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from contextlib import suppress

Read = Callable[[int, int, int], bytes]  # (thread, address, size): bytes of its memory; raises OSError

_MILLISECONDS = {232: 3, 281: 3, 7: 2}  # epoll_wait, epoll_pwait, poll: the argument that holds a number
_INTERVALS = {271: 2, 270: 4, 441: 3, 35: 0}  # ppoll, pselect6, epoll_pwait2, nanosleep: points to a timespec
_TIMEVALS = {23: 4}  # select
_CLOCK_NANOSLEEP, _FUTEX = 230, 202
_ABSOLUTE = 1  # TIMER_ABSTIME
_WAIT, _WAIT_BITSET, _REALTIME = 0, 9, 256
_TIMESPEC = struct.Struct("=qq")
_CLOCKS = {0: time.CLOCK_REALTIME, 1: time.CLOCK_MONOTONIC, 7: time.CLOCK_BOOTTIME}


def dozes(thread: int, within: float, read: Read) -> bool:
    """Whether the thread sleeps in a call that ends by itself within so many seconds, or has woken meanwhile."""
    with suppress(OSError, ValueError, KeyError, struct.error):
        with open(f"/proc/{thread}/syscall", encoding="ascii") as file:  # noqa: PTH123 - as in stat.py
            words = file.read().split()
        if words == ["running"]:  # its sleep was over between our looks: on a busy machine it may wait to go on
            return True
        if len(words) < 7 or words[0] == "-1":
            return False
        seconds = _seconds(thread, int(words[0]), [int(word, 16) for word in words[1:7]], read)
        return seconds is not None and seconds <= within
    return False


def _seconds(thread: int, number: int, args: list[int], read: Read) -> float | None:
    """How long the call may still last; None for ever. Of a relative time this is the whole, whenever it began."""
    if number in _MILLISECONDS:
        milliseconds = struct.unpack("=i", struct.pack("=I", args[_MILLISECONDS[number]] & 0xFFFFFFFF))[0]
        return None if milliseconds < 0 else milliseconds / 1e3
    if number in _INTERVALS:
        return _timespec(thread, args[_INTERVALS[number]], read)
    if number in _TIMEVALS:
        return _timespec(thread, args[_TIMEVALS[number]], read, unit=1e6)
    if number == _CLOCK_NANOSLEEP:
        return _until(_timespec(thread, args[2], read), args[0] if args[1] & _ABSOLUTE else None)
    if number == _FUTEX and args[1] & 0x7F in (_WAIT, _WAIT_BITSET):
        clock = 0 if args[1] & _REALTIME else 1
        return _until(_timespec(thread, args[3], read), clock if args[1] & 0x7F == _WAIT_BITSET else None)
    return None


def _timespec(thread: int, address: int, read: Read, *, unit: float = 1e9) -> float | None:
    if address == 0:
        return None
    whole, part = _TIMESPEC.unpack(read(thread, address, _TIMESPEC.size))
    return float(whole + part / unit)


def _until(seconds: float | None, clock: int | None) -> float | None:
    """What is left of a time that is absolute if it names a clock."""
    return seconds if seconds is None or clock is None else seconds - time.clock_gettime(_CLOCKS[clock])
