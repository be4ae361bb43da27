"""A sweep: one piece of work again and again, each time with one fault at one of its operations.

First the work is done without a fault, which shows its points: every operation on the target's state, in order. Then it
is done once for each pair of a point and a fault that a kernel may give there (`conductor.troubles`), or for a bounded
number of them, drawn by the plan's chance. It refuses two faults in one run: then nobody could say which did it.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from harness.conductor.lanes import may_be_struck
from harness.conductor.stopped import StoppedCall, Where
from harness.conductor.troubles import SHORT, possible
from harness.schedules.decisions import Fault

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
    faults: tuple[str, ...]
    crucial: bool = False  # the scenario says that it must not be left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A fault at a point."""

    spot: Spot
    fault: str

    def of(self, actor: str) -> Fault:
        """The same for an actor of another name that does the same work."""
        return Fault(actor + self.spot.actor.removeprefix(UNSTRUCK), self.spot.index, self.fault)


class Spotter:
    """A director that keeps nothing: it numbers the operations of the unstruck round as the faults will be."""

    def __init__(self, where: Where, crucial: Where) -> None:
        self._where = where
        self._crucial = crucial
        self._processes: dict[int, list[Spot]] = {}

    def take(self, call: StoppedCall) -> bool:
        # Not `is_point`: to ask whether a lock is taken takes it for a moment, and in this round everybody runs freely.
        if call.actor == UNSTRUCK and not call.again and may_be_struck(call, self._where):
            spots = self._processes.setdefault(call.process, [])
            spots.append(self._spot(call, len(spots)))
        return False

    def _spot(self, call: StoppedCall, index: int) -> Spot:
        number = list(self._processes).index(call.process)
        actor = f"{UNSTRUCK}/{number}" if number else UNSTRUCK
        return Spot(actor=actor, index=index, faults=possible(call), crucial=self._crucial(call))

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
    chosen = draw(pairs, lab.chance, most if lab.most_points is None else lab.most_points)
    for number, pair in enumerate(chosen):
        fault = pair.of(f"struck{number}")
        await work(f"struck{number}", lambda fault=fault: lab.struck(fault, matches))  # type: ignore[misc]
    lab.fired(what, f"{len(chosen)} of {len(pairs)} pairs of a point and a fault were tried")
    if len(chosen) < len(pairs):
        lab.untried.append(
            f"{what}: {len(chosen)} of {len(pairs)} pairs of a point and a fault were tried; --points 0 tries all"
        )


def draw(pairs: Sequence[Pair], chance: random.Random, most: int) -> list[Pair]:
    """All pairs if `most` is 0 or enough; else as many, the first point's and the last's among them.

    The crucial points come next, then the others; no point is drawn a second time before each was drawn once. A short
    write comes after a point's other faults, as most programs just go on.
    """
    if not most or most >= len(pairs):
        return list(pairs)
    by_point: dict[tuple[str, int], list[int]] = {}
    for number, pair in enumerate(pairs):
        by_point.setdefault((pair.spot.actor, pair.spot.index), []).append(number)
    first, *others = by_point.values()
    inner = chance.sample(others[:-1], len(others[:-1]))
    queues = [first, *others[-1:], *sorted(inner, key=lambda queue: not pairs[queue[0]].spot.crucial)]
    for queue in queues:
        chance.shuffle(queue)
        queue.sort(key=lambda number: pairs[number].fault == SHORT)
    turns = [number for layer in zip_longest(*queues) for number in layer if number is not None]
    return [pairs[number] for number in sorted(turns[:most])]


@asynccontextmanager
async def _seen(lab: Lab, spotter: Spotter) -> AsyncIterator[None]:
    lab.directors.append(spotter)
    try:
        yield
    finally:
        lab.directors.remove(spotter)
