"""What happened in a scheduled run: at each step who could have gone on, and who did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.schedules.points import Point, Touch


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One decision."""

    enabled: tuple[Point, ...]  # ordered by actor; at most one point an actor
    chosen: Point

    def having(self, touches: tuple[Touch, ...]) -> Step:
        """The same, once it is known that what was chosen touches more than was seen of it before."""
        chosen = replace(self.chosen, touches=(*self.chosen.touches, *touches))
        return Step(enabled=tuple(chosen if p == self.chosen else p for p in self.enabled), chosen=chosen)

    @property
    def contended(self) -> bool:
        """Whether there was anything to choose."""
        return len(self.enabled) > 1


@dataclass(frozen=True, slots=True)
class Trace:
    """All decisions of a run, in order."""

    steps: tuple[Step, ...]

    @property
    def points(self) -> tuple[Point, ...]:
        return tuple(step.chosen for step in self.steps)

    def preemptions(self) -> int:
        """How often an actor had to wait although it could have gone on, and was the last that had."""
        return sum(1 for _ in self._preempted())

    def _preempted(self) -> Iterator[Step]:
        last = ""
        for step in self.steps:
            if last and step.chosen.actor != last and any(point.actor == last for point in step.enabled):
                yield step
            last = step.chosen.actor
