"""How a schedule is chosen: the seam between the conductor, which knows who waits, and what decides who goes next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from harness.schedules.points import Point
from harness.schedules.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a strategy is shown. Points that cannot go on (they wait for a lock) are not among the enabled."""

    step: int
    enabled: tuple[Point, ...]  # ordered by actor, at most one an actor, never empty
    last: Point | None  # the point that went last


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What earlier runs of the same scenario taught; empty at first."""

    points: Mapping[str, int] = field(default_factory=dict)  # by actor: the most points that it had in one run
    contended: int = 0  # the most steps of one run with more than one actor enabled

    def learned(self, trace: Trace) -> Profile:
        """The profile with one more run in it."""
        counts = Counter(point.actor for point in trace.points)
        points = {actor: max(counts[actor], self.points.get(actor, 0)) for actor in (*self.points, *counts)}
        return Profile(points=points, contended=max(self.contended, sum(step.contended for step in trace.steps)))


class Strategy(Protocol):
    """Chooses the next actor. One instance serves one run; all its randomness comes from the seed it was made with."""

    def choose(self, choice: Choice) -> Point:
        """One of `choice.enabled`."""
        ...
