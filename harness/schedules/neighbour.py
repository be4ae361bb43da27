"""The pair of schedules that explains a violation: they differ in the order of two points, and one of them passes.

First each race of the violating run is turned round. If that changes nothing, or the decisive reads were not recorded,
the way to a schedule that passes is searched by halves: step by step two neighbouring points change places, and at
some step the outcome changes. That needs no monotony, only a violating end and a passing one. Where one of the two
takes a lock, what has to wait for it moves along.
Source: Choi and Zeller, "Isolating Failure-Inducing Thread Schedules", ISSTA 2002.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass

from harness.schedules.decisions import Decisions, Switch
from harness.schedules.points import Point
from harness.schedules.reorder import Order, Reorder
from harness.schedules.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Two schedules that differ in the order of two points next to each other: one violates, the other does not."""

    violates: Decisions
    passes: Decisions
    first: Point  # goes before `second` in the one that violates
    second: Point


class Deciding:
    """One search. Its methods yield decisions to run, and are sent the violating trace that came of it, or None."""

    def __init__(self, trace: Trace, decisions: Decisions, whole: Callable[[Iterable[Switch]], Decisions]) -> None:
        """`decisions` led to the violating `trace`; `whole` adds to switches its faults and absent actors."""
        self._reorder = Reorder(trace)
        self._ran = decisions
        self._known: dict[str, Trace | None] = {str(decisions): trace}  # what came of each that violates
        self._whole = whole
        self.replays = 0
        self.cut_short = False  # whether the budget was spent before all orders had been tried

    def search(self, budget: int) -> Generator[Decisions, Trace | None, Neighbour | None]:
        """The pair, or None when nothing that passes was found within the budget."""
        for race in self._reorder.reversals():
            if self._is_spent(budget, 2):
                return None
            if not (yield from self._violates(race.turned)) and (yield from self._violates(race.kept)):
                return self._pair(race.kept, race.turned, race.first, race.second)
        for order in self._reorder.bounded(0):
            if self._is_spent(budget):
                return None
            if not (yield from self._violates(order)):
                return (yield from self._halve(order, budget))
        return None

    def _halve(self, passing: Order, budget: int) -> Generator[Decisions, Trace | None, Neighbour | None]:
        """Between the violating order (after none of the changes) and the passing one (after all): where it turns."""
        way = list(_way(self._reorder.points, passing))
        bad, good = 0, len(way)
        while good - bad > 1:
            if self._is_spent(budget):
                return None
            middle = (bad + good) // 2
            if (yield from self._violates(_along(self._reorder.points, way[:middle]))):
                bad = middle
            else:
                good = middle
        order = _along(self._reorder.points, way[:bad])
        first, second = order[way[bad]], order[way[bad] + 1]
        return self._pair(order, _along(order, [way[bad]]), first, second)

    def _is_spent(self, budget: int, needed: int = 1) -> bool:
        self.cut_short = self.replays + needed > budget
        return self.cut_short

    def _violates(self, order: Order) -> Generator[Decisions, Trace | None, bool]:
        decisions = self._decisions(order)
        if str(decisions) not in self._known:
            self.replays += 1
            self._known[str(decisions)] = yield decisions
        return self._known[str(decisions)] is not None

    def _decisions(self, order: Order) -> Decisions:
        """Those of the run itself for its own order: who could go on is foretold, and may be foretold wrongly."""
        if tuple(order) == tuple(self._reorder.points):
            return self._ran
        return self._whole(self._reorder.switches(self._reorder.possible(order)))

    def _pair(self, violating: Order, passing: Order, first: Point, second: Point) -> Neighbour:
        """The points as they were in the run that violated: its program may have done something else there."""
        violates, passes = self._decisions(violating), self._decisions(passing)
        ran = self._known[str(violates)]
        found = {(point.actor, point.index): point for point in ran.points} if ran else {}
        one, other = (found.get((point.actor, point.index), point) for point in (first, second))
        return Neighbour(violates=violates, passes=passes, first=one, second=other)


def _way(start: Sequence[Point], end: Sequence[Point]) -> Iterable[int]:
    """The places at which a point must change with the next one, one after the other, to get from start to end."""
    order = list(start)
    for place, point in enumerate(end):
        for at in range(order.index(point) - 1, place - 1, -1):
            order[at], order[at + 1] = order[at + 1], order[at]
            yield at


def _along(start: Sequence[Point], way: Iterable[int]) -> Order:
    order = list(start)
    for at in way:
        order[at], order[at + 1] = order[at + 1], order[at]
    return tuple(order)
