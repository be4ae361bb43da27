"""A sweep: one piece of work again and again, each time with one fault at one of its operations.

First the work is done without a fault, which shows its points: every operation on the target's state, in order. Then it
is done once for each pair of a point and a fault that a kernel may give there (`conductor.troubles`), or for a bounded
number of them, drawn by the plan's chance. It refuses two faults in one run: then nobody could say which did it.

Work of many threads is not the same twice, and a pair may find nothing to strike. Then another is drawn in its place,
and the report says how many there were.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from harness.conductor.aims import Aim, kind_of
from harness.conductor.drawn import Drawn
from harness.conductor.lanes import may_be_struck
from harness.conductor.stopped import StoppedCall, Where
from harness.conductor.troubles import SHORT, possible
from harness.schedules.decisions import Fault
from harness.schedules.points import Point, started

if TYPE_CHECKING:
    from harness.lab import Lab

UNSTRUCK = "unstruck"  # the round without a fault
Strike = Callable[[], AbstractAsyncContextManager[None]]
Round = Callable[[str, Strike], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One operation of the work, and the faults that may happen there."""

    actor: str  # "unstruck", or "unstruck/1" for a process that it started
    index: int
    kind: str  # what it does to what: `aims.kind_of`
    faults: Mapping[str, int]  # and how many operations of the kind before it may have each
    crucial: bool = False  # the scenario says that it must not be left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A fault at a point."""

    spot: Spot
    fault: str

    def of(self, actor: str) -> Aim:
        """The same for an actor of another name that does the same work."""
        spot = self.spot
        fault = Fault(actor + spot.actor.removeprefix(UNSTRUCK), spot.index, self.fault)
        return Aim(fault=fault, kind=spot.kind, nth=spot.faults[self.fault])


class Spotter:
    """A director that keeps nothing: it notes the operations of the unstruck round."""

    def __init__(self, where: Where, crucial: Where) -> None:
        self._where = where
        self._crucial = crucial
        self._processes: dict[int, list[Spot]] = {}
        self._passed: Counter[tuple[str, str]] = Counter()  # by kind and fault
        self._drawn = Drawn()

    def take(self, call: StoppedCall) -> bool:
        # Not `is_point`: to ask whether a lock is taken takes it for a moment, and in this round everybody runs freely.
        if call.actor == UNSTRUCK and not call.again and may_be_struck(call, self._where):
            spots = self._processes.setdefault(call.process, [])
            spots.append(self._spot(call, len(spots)))
        return False

    def _spot(self, call: StoppedCall, index: int) -> Spot:
        number = list(self._processes).index(call.process)
        actor = f"{UNSTRUCK}/{number}" if number else UNSTRUCK
        kind, faults = kind_of(call, self._drawn), possible(call)
        passed = {fault: self._passed[kind, fault] for fault in faults}
        self._passed.update((kind, fault) for fault in faults)
        return Spot(actor=actor, index=index, kind=kind, faults=passed, crucial=self._crucial(call))

    @property
    def spots(self) -> list[Spot]:
        """Process by process, in the order in which each made them."""
        return [spot for spots in self._processes.values() for spot in spots]


async def sweep(
    lab: Lab,
    work: Round,
    *,
    what: str,
    faults: Collection[str],
    most: int,
    where: Where | None = None,
    crucial: Where = lambda _: False,
) -> None:
    """Do the work unstruck, then struck by each of these faults wherever it may happen, at most `most` times.

    `work(name, strike)` is one round: it starts the command that is to be struck as actor `name`, inside
    `async with strike():`, and everything else under names that begin with `name` and a hyphen. `--points` overrides
    `most`. Points that are `crucial` are drawn before others. The control arm is the unstruck round alone.
    """
    lab.plan(what)

    def matches(call: StoppedCall) -> bool:
        return bool(possible(call)) and (where or lab.is_state)(call)

    spotter = Spotter(matches, crucial)
    await work(UNSTRUCK, lambda: _seen(lab, spotter))
    pairs = [Pair(spot=spot, fault=fault) for spot in spotter.spots for fault in spot.faults if fault in faults]
    if not lab.faulty or not pairs:
        return
    bound = (most if lab.most_points is None else lab.most_points) or len(pairs)
    struck = tried = 0
    for pair in candidates(pairs, lab.chance, bound):
        struck += await _strikes(lab, work, pair.of(f"struck{tried}"), matches)
        tried += 1
        if struck == bound:
            break
    _tell(lab, what, struck=struck, tried=tried, pairs=len(pairs))


async def _strikes(lab: Lab, work: Round, aim: Aim, where: Where) -> bool:
    """Do the work once with this fault. False: it found no operation to strike."""
    points: list[Point] = []

    @asynccontextmanager
    async def strike() -> AsyncIterator[None]:
        async with lab.attempted(aim, where) as struck:
            yield
        points.extend(struck)

    await work(started(aim.fault.actor), strike)
    return bool(points)


def _tell(lab: Lab, what: str, *, struck: int, tried: int, pairs: int) -> None:
    told = f"{struck} of {pairs} pairs of a point and a fault were tried"
    if struck:
        lab.fired(what, told)
    if tried > struck:
        told += f", {tried - struck} found no such operation when the work was done again"
    if tried < pairs:
        told += "; --points 0 tries all"
    if struck < pairs:
        lab.untried.append(f"{what}: {told}")


def candidates(pairs: Sequence[Pair], chance: random.Random, most: int) -> list[Pair]:
    """As many as are wanted, in the order of the work, and as many again in place of those that find nothing."""
    drawn = ranked(pairs, chance)
    return [pairs[number] for number in (*sorted(drawn[:most]), *drawn[most : 2 * most])]


def ranked(pairs: Sequence[Pair], chance: random.Random) -> list[int]:
    """The numbers of all pairs, those to be tried before others first: the first point's and the last's, by chance.

    The crucial points come next, then the others; no point comes a second time before each came once. A short write
    comes after a point's other faults, as most programs just go on.
    """
    by_point: dict[tuple[str, int], list[int]] = {}
    for number, pair in enumerate(pairs):
        by_point.setdefault((pair.spot.actor, pair.spot.index), []).append(number)
    first, *others = by_point.values()
    inner = chance.sample(others[:-1], len(others[:-1]))
    queues = [first, *others[-1:], *sorted(inner, key=lambda queue: not pairs[queue[0]].spot.crucial)]
    for queue in queues:
        chance.shuffle(queue)
        queue.sort(key=lambda number: pairs[number].fault == SHORT)
    return [number for layer in zip_longest(*queues) for number in layer if number is not None]


@asynccontextmanager
async def _seen(lab: Lab, spotter: Spotter) -> AsyncIterator[None]:
    lab.directors.append(spotter)
    try:
        yield
    finally:
        lab.directors.remove(spotter)
