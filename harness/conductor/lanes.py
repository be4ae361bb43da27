"""The processes of one scheduled actor, each with its stopped calls in the order of their arrival.

A process is named when it first stops: the actor's own name, then "name/1", "name/2" … A pid never becomes a name.
Threads of one process take turns in the order in which they came, so the order inside a process is not explored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from harness.conductor import locks
from harness.conductor.calls import Family
from harness.conductor.supervisor import StoppedCall, Where
from harness.conductor.touching import touches, vary
from harness.schedules.points import Point


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

    def look_again(self, root: str) -> None:
        """What it touches is what it will find: others may have made or removed its name while it waited."""
        if vary(self.call, root):
            self.call.look_again()
            self.point = replace(self.point, touches=touches(self.call, root))


@dataclass(slots=True, eq=False)
class Lane:
    """One process."""

    name: str
    stops: list[Stop] = field(default_factory=list)
    taken: int = 0  # points so far
    sleeps: bool = False  # it was let go although it has to wait for somebody's lock
    failed: str = ""  # the fingerprint of its last attempt in vain, unless it has changed something since

    def ready(self) -> Stop | None:
        """The first stop that can go on. A repeated attempt waits until it is not in vain any more."""
        for stop in self.stops:
            if not stop.call.waits() or locks.would_wait(stop.call) or (stop.in_vain and locks.in_vain(stop.call)):
                continue
            return stop
        return None

    def retries(self) -> Stop | None:
        """The first stop that waits only because its attempt would fail again."""
        return next((stop for stop in self.stops if stop.in_vain and stop.call.waits()), None)

    def sleeper(self) -> Stop | None:
        """The first stop that would sleep for a lock. In a ring of these the kernel fails one: EDEADLK of fcntl(2)."""
        return next((stop for stop in self.stops if stop.call.waits() and locks.would_wait(stop.call)), None)


class Lanes:
    """All processes of one actor that have stopped at least once."""

    def __init__(self, actor: str, root: str) -> None:
        self._actor = actor
        self._root = root
        self._by_process: dict[int, Lane] = {}

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._by_process.values())

    def stopped(self) -> bool:
        """Whether any process of the actor waits for its turn."""
        return any(lane.stops for lane in self)

    def helpless(self) -> bool:
        """Whether none goes on unless it gets its turn, or somebody lets go of a lock."""
        return any(lane.stops or lane.sleeps for lane in self)

    def processes(self) -> frozenset[int]:
        return frozenset(self._by_process)

    def park(self, call: StoppedCall) -> None:
        """Take a call in. One that a signal had interrupted comes again, and keeps its place."""
        lane = self._lane(call.process)
        if call.again:
            for stop in lane.stops:
                if stop.call.thread == call.thread:
                    stop.call = call
                    return
        index = lane.taken + len(lane.stops)
        name = "start" if call.kind.family is Family.START else call.kind.name
        point = Point(actor=lane.name, index=index, call=name, touches=touches(call, self._root))
        lane.stops.append(Stop(call, point, in_vain=bool(lane.failed) and lane.failed == point.fingerprint))
        lane.sleeps = False

    def take(self, stop: Stop) -> None:
        """The stop has its turn: it leaves its lane."""
        lane = next(lane for lane in self if stop in lane.stops)
        lane.stops.remove(stop)
        lane.taken += 1
        if locks.in_vain(stop.call):
            lane.failed = stop.point.fingerprint
            lane.sleeps = locks.would_wait(stop.call)
        elif lane.failed and (stop.point.fingerprint == lane.failed or any(t.writes for t in stop.point.touches)):
            lane.failed = ""

    def _lane(self, process: int) -> Lane:
        if process not in self._by_process:
            number = len(self._by_process)
            self._by_process[process] = Lane(self._actor if number == 0 else f"{self._actor}/{number}")
        return self._by_process[process]
