"""Who asks whether a process of the run is there: by kill(2) without a signal, or by what is below /proc/PID.

So do programs that steal a lock when the pid in it is nobody's any more. The answer changes when that process ends,
which is no call that concerns a file, and belongs to the turn of its last point. So the question is a point, and that
one's end is told as something behind its last turn. Who asks again and again, and does nothing else meanwhile but try
in vain, has asked once. A process that has just ended is there until it was waited for, which the launcher does soon: a
question is let go only then, so that the answer is the same in a replay.

Not seen: questions about one's own children and parents, which learn of the end otherwise as well, and about those that
have made no point; an end that somebody else's signal has brought about.
"""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping

from harness.conductor.calls import Family
from harness.conductor.lanes import Lanes
from harness.conductor.stopped import StoppedCall
from harness.processes import stat
from harness.schedules.points import PROCESS, Touch
from harness.schedules.trace import Step

_FOLDER = re.compile(r"/proc/(\d+)(?:/|$)")
_REAPED = 1.0  # seconds, at most, in which the launcher waits for a child that has ended
_LOOKS = 0.0002  # seconds between two looks whether it has


def asked_for(call: StoppedCall) -> int:
    """The process that the call asks for, whoever's it is; 0 for none."""
    if call.kind.family is Family.PROBE:
        pid = call.args[0] & 0xFFFFFFFF
        return pid if pid < 1 << 31 else 0  # a negative one is a group
    found = _FOLDER.match(call.path) if call.path.startswith("/proc/") else None
    return int(found[1]) if found else 0


class Probes:
    """The questions of one run. `lanes`, by actor, are the scheduler's own."""

    def __init__(self, lanes: Mapping[str, Lanes]) -> None:
        self._lanes = lanes
        self._asked: set[str] = set()
        self._repeated: dict[int, set[int]] = defaultdict(set)  # by process: whom it asked for since it did anything

    def take(self, call: StoppedCall) -> bool:
        """Whether the question waits for its turn; it learns whom it is about."""
        pid = asked_for(call)
        name = next((name for lanes in self._lanes.values() if (name := lanes.name_of(pid))), "")
        asker = call.process
        if not name or _are_kin(asker, pid) or (pid in self._repeated[asker] and stat.fields(pid)):
            return False
        call.asks = name
        self._asked.add(name)
        return True

    def step(self, call: StoppedCall, *, again: bool) -> None:
        """A call has its turn; `again`: it tries in vain what it has tried before."""
        if call.asks:
            pid = asked_for(call)
            self._repeated[call.process].add(pid)
            await_reaped(pid)
        elif not again:
            self._repeated.pop(call.process, None)

    def told(self, steps: Iterable[Step]) -> tuple[Step, ...]:
        """The steps of the run, the last one of each process that was asked for having its end behind it."""
        found = list(steps)
        last = {step.chosen.actor: place for place, step in enumerate(found)}
        for name in sorted(self._asked & last.keys()):
            found[last[name]] = found[last[name]].having((Touch(PROCESS + name, True, behind=True),))
        return tuple(found)


def _are_kin(asker: int, pid: int) -> bool:
    """Whether one is the other, or an ancestor of it. Of one that is gone that cannot be told: then they are not."""
    return pid in _line(asker) or asker in _line(pid)


def _line(pid: int) -> list[int]:
    found: list[int] = []
    while pid > 1:
        found.append(pid)
        pid = stat.parent(pid)
    return found


def await_reaped(pid: int) -> None:
    """Wait until a child of the launcher that has ended is no process any more, which nobody else can hold up."""
    until = time.monotonic() + _REAPED
    while time.monotonic() < until and stat.is_dying(pid) and stat.parent(stat.parent(pid)) == os.getpid():
        time.sleep(_LOOKS)
