"""How a schedule is chosen: the seam between the conductor, which knows who waits, and what decides who goes next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from harness.schedules.frontier import Frontier
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
    shared: frozenset[str] = frozenset()  # objects that several actors of one run touched, and one of them changed
    frontier: Frontier = field(default_factory=Frontier, compare=False)  # one for all profiles of a campaign

    def after(self, trace: Trace) -> Profile:
        """What is known with one more run."""
        points = dict(self.points)
        for point in trace.points:
            points[point.actor] = max(points.get(point.actor, 0), point.index + 1)
        contended = sum(step.contended for step in trace.steps)
        self.frontier.add(trace)
        return Profile(
            points=points,
            contended=max(self.contended, contended),
            shared=self.shared | _shared(trace.points),
            frontier=self.frontier,
        )

    def shares(self, point: Point) -> bool:
        """Whether the point touches an object that is known to be shared."""
        return any(touch.lasting in self.shared for touch in point.touches)


def _shared(points: Iterable[Point]) -> frozenset[str]:
    actors: dict[str, set[str]] = defaultdict(set)
    lasting: dict[str, str] = {}  # of what was changed: by object
    for point in points:
        for touch in point.touches:
            actors[touch.object].add(point.actor)
            if touch.writes:
                lasting[touch.object] = touch.lasting
    return frozenset(name for changed, name in lasting.items() if len(actors[changed]) > 1)


class Strategy(Protocol):
    """Chooses the next actor. One instance serves one run; all its randomness comes from the seed it was made with."""

    def choose(self, choice: Choice) -> Point:
        """One of `choice.enabled`."""
        ...


@runtime_checkable
class Stopping(Strategy, Protocol):
    """A strategy that may also stop a process at its point (SIGSTOP), until the others can get no further."""

    def stops(self) -> str:
        """By what who has been chosen is stopped, "SIGSTOP" or "stall"; "" if by nothing.

        Asked only of one that has, or takes, what others may ask for.
        """
        ...
