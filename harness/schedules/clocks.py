"""Which points of a run came before which: vector clocks over `dependent`, and over who let whom go on.

A point comes before another if it is the same actor's and earlier, if they race and it is earlier, or if the other
could not go on until it had gone (a lock was let go, a child ended, a process was started), and so on through others.
Two runs with the same order under `dependent` alone are one class of schedules (a Mazurkiewicz trace).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from harness.schedules.points import Point
from harness.schedules.trace import Step


@dataclass(frozen=True, slots=True)
class Clock:
    """By actor: how many of its events are known, that is came before or are this one."""

    counts: Mapping[str, int] = field(default_factory=dict)

    def joined(self, other: Clock) -> Clock:
        """All that either knows."""
        counts = dict(self.counts)
        for actor, count in other.counts.items():
            counts[actor] = max(count, counts.get(actor, 0))
        return Clock(counts)

    def advanced(self, actor: str) -> Clock:
        """One event of the actor more."""
        return Clock({**self.counts, actor: self.counts.get(actor, 0) + 1})

    def knows(self, event: Event) -> bool:
        return self.counts.get(event.point.actor, 0) >= event.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A point that had its turn."""

    point: Point
    count: int  # 1 for the first of its actor in this run
    clock: Clock

    def __str__(self) -> str:
        """The event and all that came before it, alike in all runs of which it is part in the same order."""
        return f"{self.point.actor} {self.count} {self.point.fingerprint} {sorted(self.clock.counts.items())}"


class Clocks:
    """Gives each point of a growing run its clock."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._actors: dict[str, Clock] = {}
        self._reads: dict[str, Clock] = {}  # by object: joined over all that read it
        self._writes: dict[str, Clock] = {}

    def append(self, point: Point, enabler: int | None = None) -> Event:
        """The next point; `enabler` is the index of the event without which it would still wait."""
        event = self.next(point, enabler)
        self._remember(event)
        return event

    def next(self, point: Point, enabler: int | None = None) -> Event:
        """What the point would be if it came next."""
        clock = self.past(point.actor)
        if enabler is not None:
            clock = clock.joined(self.events[enabler].clock)
        for touch in point.touches:
            clock = clock.joined(self._writes.get(touch.object, Clock()))
            clock = clock.joined(self._reads.get(touch.object, Clock())) if touch.writes else clock
        clock = clock.advanced(point.actor)
        return Event(point=point, count=clock.counts[point.actor], clock=clock)

    def past(self, actor: str) -> Clock:
        """What the actor knew after its last event."""
        return self._actors.get(actor, Clock())

    def _remember(self, event: Event) -> None:
        self.events.append(event)
        self._actors[event.point.actor] = event.clock
        for touch in event.point.touches:
            known = self._writes if touch.writes else self._reads
            known[touch.object] = known.get(touch.object, Clock()).joined(event.clock)


def clocks(points: Iterable[Point], enablers: Iterable[int | None] | None = None) -> tuple[Event, ...]:
    """The points of a whole run with their clocks; without enablers by `dependent` alone."""
    points = tuple(points)
    given = Clocks()
    for point, enabler in zip(points, enablers or [None] * len(points), strict=True):
        given.append(point, enabler)
    return tuple(given.events)


def enablers(steps: Sequence[Step]) -> tuple[int | None, ...]:
    """For each step the one that let its actor go on, where the actor had waited for something that others did."""
    found: list[int | None] = []
    waited: dict[str, int] = {}  # by actor: the step after which it could go on
    before = {point.actor for point in steps[0].enabled} if steps else set()
    for index, step in enumerate(steps):
        now = {point.actor for point in step.enabled}
        waited.update(dict.fromkeys(now - before, index - 1))
        found.append(waited.pop(step.chosen.actor, None))
        before = now
    return tuple(found)


def class_of(points: Iterable[Point]) -> bytes:
    """A name of the run's class of schedules, the same over runs: its points by fingerprint, and their order."""
    lines = sorted(map(str, clocks(points)))
    return blake2b("\n".join(lines).encode(errors="surrogateescape"), digest_size=16).digest()
