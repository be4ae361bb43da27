"""A trace taken apart into programs: each actor's points in order, and what must come before each of them.

What must come before a point is what let its actor go on, and what it depends on. Both are seen in the trace alone: no
program is known here, and none is run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from harness.schedules.holdings import locks_of
from harness.schedules.points import Point
from harness.schedules.trace import Trace

Needs = dict[int, int]  # by actor's number: how many of its points must be done


class Programs:
    """One trace, taken as programs: each actor's points in order, and what must come before each."""

    def __init__(self, trace: Trace, without: Iterable[str] = ()) -> None:
        """As if the actors of `without` had not been there."""
        gone = frozenset(without)
        self.points = tuple(point for point in trace.points if point.actor not in gone)
        self.actors = sorted({point.actor for point in self.points})
        self._number = {actor: number for number, actor in enumerate(self.actors)}
        self._lanes = [[point for point in self.points if point.actor == actor] for actor in self.actors]
        self._place = {(p.actor, p.index): place for lane in self._lanes for place, p in enumerate(lane)}
        self._enabling = self._enablers(trace)
        self._needs = self._causes()

    def _enablers(self, trace: Trace) -> dict[tuple[int, int], Needs]:
        """For each point, the one after which it first could go on: its actor's own, or a fork, an exit …

        An unlock counts for nothing here: whether a point waits for a lock is another question in another order.
        """
        found: dict[tuple[int, int], Needs] = {
            (actor, place): {} for actor, lane in enumerate(self._lanes) for place in range(len(lane))
        }
        shown: set[tuple[str, int]] = set()
        before: Point | None = None
        for step in trace.steps:
            for point in step.enabled:
                key = (point.actor, point.index)
                new = key in self._place and key not in shown
                if new and before is not None and _may_enable(before, point):
                    self._need(found[self._number[point.actor], self._place[key]], before)
                shown.add(key)
            before = step.chosen
        return found

    def _causes(self) -> dict[tuple[int, int], Needs]:
        """For each point, what must come before it: what enabled it, and what it depends on."""
        found = {key: dict(needs) for key, needs in self._enabling.items()}
        written: dict[str, Point] = {}
        read: dict[str, list[Point]] = defaultdict(list)
        for point in self.points:
            needs = found[self._number[point.actor], self._place[point.actor, point.index]]
            for touch in point.touches:
                for other in [
                    *([written[touch.object]] if touch.object in written else []),
                    *(read[touch.object] if touch.writes else []),
                ]:
                    self._need(needs, other)
            for touch in point.touches:
                if touch.writes:
                    written[touch.object] = point
                    read[touch.object] = []
                else:
                    read[touch.object].append(point)
        return found

    def _need(self, needs: Needs, other: Point) -> None:
        actor = self._number.get(other.actor)
        if actor is not None:
            needs[actor] = max(needs.get(actor, 0), self._place[other.actor, other.index] + 1)


def _may_enable(before: Point, point: Point) -> bool:
    """Whether a point may be there because of the one before: another actor's, and not merely an unlock."""
    return before.actor != point.actor and not locks_of(point) & locks_of(before)
