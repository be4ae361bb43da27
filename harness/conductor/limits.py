"""Time limits that programs set themselves and are told of by SIGALRM: alarm(2), setitimer(2), timer_settime(2).

`flock -w 1` is one, and goes on without the lock where its author forgot to ask. Who waits for what a stopped process
has is never let in, so that its limit will pass: it is told so at once, as the kernel's timer would, and in a replay at
the same place. The limit itself would be met a second later, or never, as the clock will have it.
"""

from __future__ import annotations

import signal
import struct
from collections.abc import Collection

from harness.conductor import kernel, operands
from harness.conductor.stopped import StoppedCall
from harness.processes import stat

_TIMER = struct.Struct("=qqqq")  # itimerspec, and itimerval: the interval, then the time, each in seconds and a rest
_ITIMER_REAL = 0
_PARTS = {"setitimer": 1e6, "timer_settime": 1e9}
_ABSOLUTE = 1  # TIMER_ABSTIME


class Limits:
    """The limits that the processes of one actor have set, each process's last one."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}  # by process; 0 for one that was taken back

    def see(self, call: StoppedCall) -> None:
        """A process sets a limit, or takes it back."""
        seconds = _set(call)
        if seconds is not None:
            self._seconds[call.process] = seconds

    def pass_one(self, processes: Collection[int], longest: float) -> bool:
        """Tell one of these processes that its time is over. False: none has one of so few seconds, and a handler."""
        for process in sorted(processes & self._seconds.keys()):
            if 0 < self._seconds.pop(process) <= longest and stat.catches(process, signal.SIGALRM):
                kernel.expire_timer(process)
                return True
        return False


def _set(call: StoppedCall) -> float | None:
    """Seconds, 0 for none; None for a call that concerns another kind of time, or cannot be read."""
    name, args = call.kind.name, call.args
    if name == "alarm":
        return float(args[0] & 0xFFFFFFFF)
    if (name == "setitimer" and args[0] != _ITIMER_REAL) or (name == "timer_settime" and args[1] & _ABSOLUTE):
        return None
    address = args[1] if name == "setitimer" else args[2]
    try:
        _, _, whole, part = _TIMER.unpack(operands.read_memory(call.thread, address, _TIMER.size))
    except (OSError, struct.error):
        return None
    return float(whole + part / _PARTS[name])
