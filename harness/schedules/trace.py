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

    def unstopped(self, actor: str, index: int) -> Trace:
        """The same order, had the actor been able to go on all the time from its point of this index, where it was."""
        place = next(i for i, point in enumerate(self.points) if (point.actor, point.index) == (actor, index))
        steps, waits = list(self.steps), None
        for at in range(len(steps) - 1, place, -1):
            enabled = steps[at].enabled
            own = next((point for point in enabled if point.actor == actor), None)
            if own is None and waits is not None:
                among = tuple(sorted((*enabled, waits), key=lambda point: point.actor))
                steps[at] = Step(enabled=among, chosen=steps[at].chosen)
            waits = own or waits
        return Trace(tuple(steps))

    def preemptions(self) -> int:
        """How often an actor had to wait although it could have gone on, and was the last that had."""
        return sum(1 for _ in self._preempted())

    def _preempted(self) -> Iterator[Step]:
        last = ""
        for step in self.steps:
            if last and step.chosen.actor != last and any(point.actor == last for point in step.enabled):
                yield step
            last = step.chosen.actor
