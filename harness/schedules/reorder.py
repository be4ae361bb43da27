"""Other orders of a trace's points that mean the same, and the decisions that lead to them.

A trace orders all its points, but only the order of dependent ones matters, and that one point had to come so that
another could. What is left may be rearranged: the same violation with fewer preemptions, or a schedule that differs in
one race only. Nothing is run here; who will be enabled is predicted from the trace, and wrong where a target's locks
are none that it shows. So whoever uses an order runs it, and looks at the trace that comes of it.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.schedules.decisions import Switch
from harness.schedules.holdings import Holdings
from harness.schedules.points import Point, contested, racing
from harness.schedules.programs import Needs, Programs
from harness.schedules.trace import Trace

_STATES = 5_000  # what a search may look at before it takes the best way so far and goes on greedily

Counts = tuple[int, ...]  # how many points of each actor are done, in the order of Reorder.actors
Order = tuple[Point, ...]
Meaning = tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]  # by object: groups of changes and reads, in order
_Done = tuple["_Done", Point] | None  # the points of an order so far, from the last to the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """Two racing points that can stand side by side, and both orders: as in the trace, and turned round."""

    first: Point
    second: Point
    kept: Order
    turned: Order


class Reorder(Programs):
    """The orders of one trace's points that its programs allow."""

    def __init__(self, trace: Trace, without: Iterable[str] = ()) -> None:
        """As if the actors of `without` had not been there."""
        super().__init__(trace, without)
        self._contested = contested(self.points)
        self._locks = Holdings(self.points, self._lanes)

    def switches(self, order: Sequence[Point]) -> tuple[Switch, ...]:
        """The decisions by which the actors take turns in this order, if the targets do as they did."""
        counts, last, found = self._start, -1, []
        for point in order:
            actor = self._number[point.actor]
            usual = self._usual(counts, last)
            if usual not in (actor, -1):
                found.append(self._switch(counts, usual, actor))
            counts, last = _plus(counts, actor), actor
        return tuple(found)

    def tidied(self) -> tuple[Switch, ...]:
        """The decisions with the fewest preemptions, then the fewest entries, that order all dependent points alike.

        Runs are as long as they can be: doing more of an actor's ready points never keeps anybody else from going on.
        So only the choice after each run is searched, by cost (Dijkstra).
        """
        ties = itertools.count()
        queue: list[tuple[int, int, int, int, Counts, int, tuple[Switch, ...]]] = []
        heapq.heappush(queue, (0, 0, 0, next(ties), self._start, -1, ()))
        seen: set[tuple[Counts, int]] = set()
        while queue:
            preemptions, _, _, _, counts, last, path = heapq.heappop(queue)
            if sum(counts) == len(self.points):
                return path
            if (counts, last) in seen:
                continue
            seen.add((counts, last))
            if len(seen) > _STATES:
                queue.clear()
            for actor in self._ready(counts):
                usual = self._usual(counts, last)
                more = path if usual in (actor, -1) else (*path, self._switch(counts, usual, actor))
                cost = preemptions + (usual == last != actor and last >= 0)
                after = self._run(counts, actor)
                heapq.heappush(queue, (cost, len(more), -sum(after), next(ties), after, actor, more))
        return self.switches(self.points)

    def joined(self) -> Iterator[Order]:
        """Orders in which two stretches of one actor are one, in the place of either; short ones are moved first."""
        groups = [list(points) for _, points in itertools.groupby(self.points, key=lambda point: point.actor)]
        places: dict[str, list[int]] = defaultdict(list)
        for place, points in enumerate(groups):
            places[points[0].actor].append(place)
        pairs = [pair for own in places.values() for pair in itertools.pairwise(own)]
        moves = [*pairs, *(pair[::-1] for pair in pairs)]
        for moved, to in sorted(moves, key=lambda pair: len(groups[pair[0]])):
            left = [points for place, points in enumerate(groups) if place != moved]
            at = to - (moved < to)
            left[at] = groups[moved] + left[at] if moved < to else left[at] + groups[moved]
            yield tuple(itertools.chain.from_iterable(left))

    def reversals(self) -> Iterator[Reversal]:
        """Each two points of different actors that race, with nothing that must come between; the last pair first."""
        clocks = self._clocks()
        places = [place for place, point in enumerate(self.points) if point in self._contested]
        for number, late in reversed(list(enumerate(places))):
            for early in reversed(places[:number]):
                if racing(self.points[early], self.points[late]) and self._adjacent(clocks, early, late):
                    yield from filter(None, [self._reversal(clocks, early, late)])

    def bounded(self, preemptions: int, *, anywhere: bool = False) -> Iterator[Order]:
        """Orders with exactly that many preemptions: before points that another's races with, or before any point.

        An order that ends in a deadlock ends there.
        """
        stops = [[anywhere or point in self._contested for point in lane] for lane in self._lanes]
        stack: list[tuple[Counts, int, int, _Done]] = [(self._start, -1, preemptions, None)]
        while stack:
            counts, last, left, done = stack.pop()
            enabled = self._enabled(counts)
            if not enabled and left == 0:
                yield _unwound(done)
            goes_on = last in enabled
            may_stop = not goes_on or (left > 0 and stops[last][counts[last]])
            for actor in [*(a for a in reversed(enabled) if may_stop and a != last), *([last] if goes_on else [])]:
                spent = goes_on and actor != last
                stack.append((_plus(counts, actor), actor, left - spent, (done, self._next(counts, actor))))

    def meaning(self, order: Iterable[Point]) -> Meaning:
        """What two orders of the same points share exactly if they order all dependent points alike."""
        groups: dict[str, list[tuple[bool, list[str]]]] = defaultdict(list)
        for point in order:
            for touch in point.touches:
                of_object = groups[touch.object]
                if touch.writes or not of_object or of_object[-1][0]:
                    of_object.append((touch.writes, []))
                of_object[-1][1].append(f"{point.actor}.{point.index}")
        return tuple(sorted((name, tuple(tuple(sorted(g)) for _, g in found)) for name, found in groups.items()))

    def possible(self, order: Sequence[Point]) -> Order:
        """The order with each point that has to wait put off until it can go; what never can is left to the end."""
        counts, left = self._start, list(order)
        found: list[Point] = []
        while left:
            enabled = {self._next(counts, actor) for actor in self._enabled(counts)}
            point = next((point for point in left if point in enabled), left[0])
            if point not in enabled:
                return (*found, *left)
            left.remove(point)
            found.append(point)
            counts = _plus(counts, self._number[point.actor])
        return tuple(found)

    @property
    def _start(self) -> Counts:
        return (0,) * len(self.actors)

    def _run(self, counts: Counts, actor: int) -> Counts:
        """One actor's points for as long as none must wait for another actor's."""
        counts = _plus(counts, actor)
        while self._can(counts, actor, self._needs):
            counts = _plus(counts, actor)
        return counts

    def _ready(self, counts: Counts) -> list[int]:
        return [actor for actor in range(len(counts)) if self._can(counts, actor, self._needs)]

    def _enabled(self, counts: Counts) -> list[int]:
        """Who could go on, whether or not the order of the trace allows it."""
        return [a for a in range(len(counts)) if self._can(counts, a, self._enabling) and not self._blocked(counts, a)]

    def _usual(self, counts: Counts, last: int) -> int:
        """The default policy's actor; -1 if none seems to be enabled."""
        enabled = self._enabled(counts)
        return last if last in enabled else min(enabled, default=-1)

    def _can(self, counts: Counts, actor: int, needs: dict[tuple[int, int], Needs]) -> bool:
        place = counts[actor]
        if place >= len(self._lanes[actor]):
            return False
        return all(counts[other] >= count for other, count in needs[actor, place].items())

    def _blocked(self, counts: Counts, actor: int) -> bool:
        """Whether the actor's next point takes a lock that another one has."""
        place = counts[actor]
        if place >= len(self._lanes[actor]):
            return False
        takes = self._locks.taken(actor, place)
        return any(takes & self._locks.held(other, count) for other, count in enumerate(counts) if other != actor)

    def _switch(self, counts: Counts, usual: int, actor: int) -> Switch:
        point = self._next(counts, usual)
        return Switch(point.actor, point.index, self.actors[actor])

    def _next(self, counts: Counts, actor: int) -> Point:
        return self._lanes[actor][counts[actor]]

    def _clocks(self) -> list[Counts]:
        """By place in the trace: how many points of each actor come before the point, itself included."""
        of: dict[tuple[int, int], Counts] = {}
        found = []
        for point in self.points:
            actor, place = self._number[point.actor], self._place[point.actor, point.index]
            clock = list(of.get((actor, place - 1), self._start))
            for other, count in self._needs[actor, place].items():
                if count:
                    clock = list(map(max, clock, of[other, count - 1]))
            clock[actor] = place + 1
            of[actor, place] = tuple(clock)
            found.append(of[actor, place])
        return found

    def _adjacent(self, clocks: list[Counts], early: int, late: int) -> bool:
        """Whether the later point could as well have come first: it does not wait for what the earlier one began."""
        one, other = self.points[early], self.points[late]
        if self._takes(one) & self._takes(other):  # whoever comes first has the lock for a while
            before = self._clock_before(clocks, other)
            return before[self._number[one.actor]] <= self._place[one.actor, one.index]
        between = range(early + 1, late)
        return not any(self._before(clocks, early, p) and self._before(clocks, p, late) for p in between)

    def _clock_before(self, clocks: list[Counts], point: Point) -> Counts:
        own = [p for p in range(len(self.points)) if self.points[p].actor == point.actor]
        place = self._place[point.actor, point.index]
        return clocks[own[place - 1]] if place else self._start

    def _takes(self, point: Point) -> frozenset[str]:
        """The locks that a point takes."""
        return self._locks.taken(self._number[point.actor], self._place[point.actor, point.index])

    def _before(self, clocks: list[Counts], early: int, late: int) -> bool:
        one = self.points[early]
        return clocks[late][self._number[one.actor]] > self._place[one.actor, one.index]

    def _reversal(self, clocks: list[Counts], early: int, late: int) -> Reversal | None:
        """What need not come after the first goes before the pair, the rest after it; None if it cannot be turned."""
        between = range(early + 1, late)
        ahead = [self.points[p] for p in between if not self._before(clocks, early, p)]
        after = [self.points[p] for p in between if self._before(clocks, early, p)]
        first, second = self.points[early], self.points[late]
        start, rest = (*self.points[:early], *ahead), (*after, *self.points[late + 1 :])
        turned = self.possible((*start, second, first, *rest))
        if turned[len(start)] != second:
            return None
        kept = (*start, first, *after, second, *self.points[late + 1 :])
        return Reversal(first=first, second=second, kept=kept, turned=turned)


def _plus(counts: Counts, actor: int) -> Counts:
    return (*counts[:actor], counts[actor] + 1, *counts[actor + 1 :])


def _unwound(done: _Done) -> Order:
    points = []
    while done is not None:
        done, point = done
        points.append(point)
    return tuple(reversed(points))
