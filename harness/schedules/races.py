"""Which pairs of points of a run could have come the other way round, and whom to let go first to see that.

The rule is that of source sets (Abdulla, Aronis, Jonsson, Sagonas: Optimal dynamic partial order reduction, POPL 2014);
for a bound on preemptions, that of Coons, Musuvathi and McKinley (Bounded partial-order reduction, OOPSLA 2013).

Programs block. A point that waited for a lock has, besides the release that let it go on, a race with the acquisition
that made it wait: what counts is whether its actor had come there without knowing of that acquisition. Where a run
does not show that the later point could have gone at the earlier one's place, further candidates are looked for behind
it: one too many costs a run, one too few would cost the proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.schedules.clocks import Clock, Event, clocks, enablers
from harness.schedules.points import Point, racing
from harness.schedules.trace import Step

Exclusive = Callable[[Point, Point], bool]


def release_and_acquire(earlier: Point, later: Point) -> bool:
    """Whether the two can never both be enabled: who waits for a lock cannot go while its holder may still release it.

    Without this knowledge the exploration is as complete, and wastes a run now and then.
    """
    return earlier.call == "unlock" and later.call == "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """At step `at` another actor should go first: one of `first`, or each of them."""

    at: int
    first: tuple[str, ...]
    every: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """A point whose races are wanted: that of a step, or one that still waited when the run ended."""

    point: Point
    index: int  # its step; the number of steps for one that waited
    previous: int  # the step of its actor's point before; -1 for none
    past: Clock  # what its actor knew before it
    enabler: int | None = None


class Run:
    """The steps of one run, with their order."""

    def __init__(self, steps: Sequence[Step], waiting: Sequence[Point] = ()) -> None:
        self.steps = steps
        self._waiting = waiting
        self._enablers = enablers(steps)
        self.events: tuple[Event, ...] = clocks((step.chosen for step in steps), self._enablers)

    def laters(self, since: int) -> Iterator[Later]:
        """The points from a step on, then those that waited at the end."""
        last = {step.chosen.actor: index for index, step in enumerate(self.steps[:since])}
        for index, step in enumerate(self.steps[since:], since):
            yield self._later(step.chosen, index, last, self._enablers[index])
            last[step.chosen.actor] = index
        for point in self._waiting:
            yield self._later(point, len(self.steps), last, None)

    def _later(self, point: Point, index: int, last: dict[str, int], enabler: int | None) -> Later:
        previous = last.get(point.actor, -1)
        past = self.events[previous].clock if previous >= 0 else Clock()
        return Later(point=point, index=index, previous=previous, past=past, enabler=enabler)

    def actors(self, index: int) -> tuple[str, ...]:
        """Who could have gone at a step."""
        return tuple(point.actor for point in self.steps[index].enabled)

    def rivals(self, later: Later, past: Clock) -> Iterator[int]:
        """The steps before it that race with it and that `past` does not know, the last one first."""
        for index in reversed(range(later.index)):
            event = self.events[index]
            if racing(event.point, later.point) and not past.knows(event):
                yield index

    def stood_ready(self, later: Later, index: int) -> bool:
        """Whether it was seen to be enabled at a step."""
        return later.previous < index and later.point.actor in self.actors(index)

    def stood_waiting(self, later: Later, index: int) -> bool:
        """Whether its actor had come to it by a step, and could not go on."""
        return later.previous < index and later.point.actor not in self.actors(index)


def source_races(run: Run, later: Later, exclusive: Exclusive) -> Iterator[Race]:
    """One for each race that no third point stands between."""
    known = later.past
    for index in run.rivals(later, later.past):
        event = run.events[index]
        ready = run.stood_ready(later, index)
        if known.knows(event) or (exclusive(event.point, later.point) and not ready):
            continue
        race = _reversed(run, later, index)
        if race is not None:
            yield race
        # What came before a rival is left to the run in which that rival comes later, where there is sure to be one.
        if ready:
            known = known.joined(event.clock)


def all_races(run: Run, later: Later) -> Iterator[Race]:
    """One for each race, also where a third point stands between the two."""
    for index in run.rivals(later, later.past):
        race = _reversed(run, later, index)
        if race is not None:
            yield race


def _reversed(run: Run, later: Later, index: int) -> Race | None:
    """Who can begin all that came up to the later point without the earlier one; None if it could not go at all."""
    initials = list(_initials(run, later, index))
    enabled = run.actors(index)
    first = tuple(actor for actor in initials if actor in enabled)
    if first:
        return Race(at=index, first=first)
    if initials == [later.point.actor] and run.stood_waiting(later, index):
        return None
    # What let them go on is not in the order that is known, so that anybody may have to go first.
    return Race(at=index, first=enabled, every=True)


def _initials(run: Run, later: Later, index: int) -> Iterator[str]:
    """The actors whose first point, among those that do not come after step `index`, needs no other of them."""
    event = run.events[index]
    rest = [i for i in range(index + 1, later.index) if not run.events[i].clock.knows(event)]
    seen: set[str] = set()
    needed = any(i == later.enabler or racing(run.events[i].point, later.point) for i in rest)
    if later.previous <= index and not needed:
        yield later.point.actor
        seen.add(later.point.actor)
    for place, i in enumerate(rest):
        actor = run.events[i].point.actor
        if actor not in seen and not any(run.events[i].clock.knows(run.events[m]) for m in rest[:place]):
            yield actor
        seen.add(actor)


def bounded_races(run: Run, later: Later, exclusive: Exclusive) -> Iterator[Race]:
    """The last race with each other actor, and the places before it where a switch costs no preemption more."""
    met: set[str] = set()
    for index in run.rivals(later, later.past):
        event = run.events[index]
        ready = run.stood_ready(later, index)
        if event.point.actor in met or (exclusive(event.point, later.point) and not ready):
            continue
        # As above: a rival that may be a release does not hide the acquisition before it.
        if ready:
            met.add(event.point.actor)
        for at in (index, *_block_starts(run, index)):
            actors = run.actors(at)
            actor = later.point.actor
            yield Race(at=at, first=(actor,) if actor in actors else actors, every=True)


def _block_starts(run: Run, index: int) -> Iterator[int]:
    """Where the actor of the step began to go without a break, and where the one before it did."""
    starts = [i for i in range(index + 1) if i == 0 or _actor(run, i - 1) != _actor(run, i)]
    yield from starts[-2:]


def _actor(run: Run, index: int) -> str:
    return run.steps[index].chosen.actor
