"""The processes of one scheduled actor, each with its stopped calls in the order of their arrival.

A process is named once all actors have settled after its first stop: the actor's own name, then "name/1", "name/2" …,
brothers in the order of their births, since which of them stops first is a matter of luck. A pid never becomes a name.
Threads of one process take turns in the order in which they came, so the order inside a process is not explored; those
that came between two decisions go by what they ask for, as their order is luck too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from harness.conductor import locks
from harness.conductor.calls import Family
from harness.conductor.drawn import Drawn
from harness.conductor.makers import Makers
from harness.conductor.stopped import StoppedCall, Where
from harness.conductor.touching import touches, vary
from harness.processes import stat
from harness.schedules.points import Point

_Attempt = tuple[str, int]  # what is asked for, and in which mode of a lock
_MAKES = -1  # in the place of a mode


def is_point(call: StoppedCall, where: Where) -> bool:
    """Whether a call is one of its actor's points: a start, what is asked for, and what would be in vain now.

    The last so that it waits too: it would fail, or sleep, for what somebody else has.
    """
    return may_be_struck(call, where) or locks.in_vain(call)


def may_be_struck(call: StoppedCall, where: Where) -> bool:
    """Whether a point is one that a single fault counts: how often something is in vain is a matter of time."""
    return call.kind.family is Family.START or where(call)


@dataclass(slots=True, eq=False)
class Stop:
    """A call that waits for its turn."""

    call: StoppedCall
    point: Point
    in_vain: bool  # it repeats an attempt that somebody else's lock or file had made fail
    looked: int = -1  # after how many steps of the run it was found what it touches; -1: while others were under way

    def look_again(self, root: str, steps: int, drawn: Drawn) -> None:
        """What it touches is what it will find: others may have made or removed its name while it waited."""
        looked, self.looked = self.looked, steps
        if looked < steps and vary(self.call, root):
            self.call.look_again()
            self.point = replace(self.point, touches=drawn.marked(touches(self.call, root)))


@dataclass(slots=True, eq=False)
class Lane:
    """One process."""

    name: str = ""  # not yet known until it has settled
    stops: list[Stop] = field(default_factory=list)
    settled: int = 0  # how many of the stops have their places
    taken: int = 0  # points so far
    sleeps: bool = False  # it was let go although it has to wait for somebody's lock
    # Its last attempt in vain, unless it has changed something since; of a lock, in each mode in which it has tried.
    failed: frozenset[_Attempt] = frozenset()
    has_failed: bool = False  # in an attempt of its own, and not only in what it inherited

    def ready(self, makers: Makers) -> Stop | None:
        """The first stop that can go on. A repeated attempt waits until it is not in vain any more."""
        for stop in self.stops:
            if not stop.call.waits():
                continue
            if stop.in_vain and self._waits_for_somebody(stop, makers) and locks.in_vain(stop.call):
                continue
            if locks.would_wait(stop.call) and not locks.lets_go_first(stop.call):
                continue
            return stop
        return None

    def _waits_for_somebody(self, stop: Stop, makers: Makers) -> bool:
        """Who tries by a process for each attempt always does; one that goes on by itself may only make sure."""
        return not self.has_failed or makers.somebody_has(stop.call)

    def retries(self) -> Stop | None:
        """The first stop that waits only because its attempt would fail again."""
        return next((stop for stop in self.stops if stop.in_vain and stop.call.waits()), None)

    def sleeper(self) -> Stop | None:
        """The first stop that would sleep for a lock. In a ring of these the kernel fails one: EDEADLK of fcntl(2)."""
        return next((stop for stop in self.stops if stop.call.waits() and locks.would_wait(stop.call)), None)

    def bury(self) -> bool:
        """Drop the stops of threads that have ended, or are about to. False: there are none."""
        dying = [stop for stop in self.stops if stat.is_dying(stop.call.thread)]
        for stop in dying:
            self.settled -= self.stops.index(stop) < self.settled
            self.stops.remove(stop)
        return bool(dying)

    def settle(self) -> None:
        """Give the stops that have come since the last time their places, behind those that have one."""
        if self.settled == len(self.stops):  # as in nearly every lane
            return
        new = sorted(self.stops[self.settled :], key=lambda stop: (stop.point.fingerprint, stop.point.attempt))
        self.stops[self.settled :] = new
        for index, stop in enumerate(new, self.taken + self.settled):
            stop.point = replace(stop.point, actor=self.name, index=index)
        self.settled = len(self.stops)


class Lanes:
    """All processes of one actor that have stopped at least once."""

    def __init__(self, actor: str, root: str, drawn: Drawn) -> None:
        self._actor = actor
        self._root = root
        self._drawn = drawn  # of all actors together
        self._by_process: dict[int, Lane] = {}
        self._failed: tuple[int, frozenset[_Attempt]] | None = None  # the process of the last in vain, and what it was

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._by_process.values())

    def stopped(self) -> bool:
        """Whether any process of the actor waits for its turn."""
        return any(lane.stops for lane in self)

    def helpless(self) -> bool:
        """Whether none goes on unless it gets its turn, or somebody lets go of a lock."""
        return any(lane.stops or lane.sleeps for lane in self)

    def sleeps(self) -> bool:
        """Whether one waits inside the kernel for somebody's lock."""
        return any(lane.sleeps for lane in self)

    def threads(self) -> frozenset[int]:
        """Those that wait for their turn."""
        return frozenset(stop.call.thread for lane in self for stop in lane.stops)

    def waiting(self) -> frozenset[int]:
        """The processes of which a thread waits for its turn."""
        return frozenset(process for process, lane in self._by_process.items() if lane.stops)

    def processes(self) -> frozenset[int]:
        return frozenset(self._by_process)

    def name_of(self, process: int) -> str:
        """What a process of the actor is called; "" for others, and for one that has not settled yet."""
        return self._by_process[process].name if process in self._by_process else ""

    def park(self, call: StoppedCall, looked: int = -1) -> None:
        """Take a call in. One that a signal had interrupted comes again, and keeps its place."""
        lane = self._lane(call.process)
        if call.again:
            for stop in lane.stops:
                if stop.call.thread == call.thread:
                    stop.call = call
                    return
        name = "start" if call.kind.family is Family.START else call.kind.name
        self._drawn.see(call)
        point = Point(actor=lane.name, index=-1, call=name, touches=self._drawn.marked(touches(call, self._root)))
        lane.stops.append(Stop(call, point, bool(lane.failed) and _attempt(call, point) in lane.failed, looked))
        lane.sleeps = False

    def bury(self) -> list[int]:
        """Drop the stops of threads that a signal, or an exec of their process's, has ended; gives their processes."""
        return [process for process, lane in self._by_process.items() if lane.bury()]

    def take(self, stop: Stop, *, in_vain: bool, again: bool = False) -> None:
        """The stop has its turn: it leaves its lane. One that only tries `again` was no point of its own."""
        lane = next(lane for lane in self if stop in lane.stops)
        lane.stops.remove(stop)
        lane.settled -= 1
        lane.taken += not again
        attempt = _attempt(stop.call, stop.point)
        if in_vain:
            others = {other for other in lane.failed if other[0] == attempt[0]}
            lane.failed = frozenset({attempt, *others})
            lane.has_failed = True
            lane.sleeps = locks.would_wait(stop.call)
            self._failed = stop.call.process, lane.failed
            return
        # Having taken another lock, or let go of it, makes nobody let go of the one that was asked for.
        changes = stop.call.kind.family is not Family.LOCK and any(touch.writes for touch in stop.point.touches)
        if changes or attempt in lane.failed:
            lane.failed = frozenset()
        if self._failed and (changes or attempt in self._failed[1]):
            self._failed = None

    def settle(self) -> None:
        """Name who has stopped for the first time, and put in order what has come: all actors have settled."""
        if new := [process for process, lane in self._by_process.items() if not lane.name]:
            named = len(self._by_process) - len(new)
            for number, process in enumerate(sorted(new, key=_birth) if len(new) > 1 else new, named):
                self._by_process[process].name = self._actor if number == 0 else f"{self._actor}/{number}"
        for lane in self:
            lane.settle()

    def _lane(self, process: int) -> Lane:
        if process not in self._by_process:
            self._by_process[process] = Lane(failed=self._inherited())
        return self._by_process[process]

    def _inherited(self) -> frozenset[_Attempt]:
        """What a new process tries again: a shell that polls for a lock starts a process for each attempt."""
        if self._failed is None:
            return frozenset()
        process, attempts = self._failed
        found = stat.fields(process)
        return attempts if found is None or found[0] in ("Z", "X") else frozenset()


def _attempt(call: StoppedCall, point: Point) -> _Attempt:
    """To open a lock file in order to read whose it is, is another attempt than to make it."""
    return point.attempt, _MAKES if locks.makes_only(call) else locks.mode(call)


def _birth(process: int) -> list[tuple[int, int]]:
    """Where a process stands in the tree of births: start times and pids, its oldest living ancestor's first."""
    line: list[tuple[int, int]] = []
    while process > 1 and (found := stat.fields(process)):
        line.insert(0, (int(found[19]), process))
        process = int(found[1])
    return line
