"""One run of an exploration: the choices that lead to a branch are forced, and then the run goes on by itself.

It never lets a sleeping actor go: what would follow was run before, in another order that makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.schedules.effects import Effects
from harness.schedules.points import Point, dependent
from harness.schedules.replay import Diverged, Divergence
from harness.schedules.strategy import Choice


def drowsy(asleep: Iterable[str], last: Point | None, enabled: Iterable[Point], effects: Effects) -> frozenset[str]:
    """Who is still asleep when `last` has gone: those that it does not concern. Who cannot go on is not asleep."""
    names = set(asleep)
    points = (effects.whole(point) for point in enabled if point.actor in names)
    return frozenset(point.actor for point in points if last is None or not dependent(point, last))


def again(earlier: Point, enabled: Iterable[Point]) -> Point | None:
    """Which of these is the point of an earlier run."""
    who = earlier.actor, earlier.fingerprint
    return next((point for point in enabled if (point.actor, point.fingerprint) == who), None)


class Guided:
    """A `Strategy` for one run. It has to see every step, also those at which a single actor is enabled.

    `redundant_from` is the first step at which all who could go were asleep: the run may be stopped there; if it is
    not, it goes on somehow, and the explorer leaves out the rest.
    """

    def __init__(
        self, prefix: Sequence[Point] = (), asleep: frozenset[str] = frozenset(), effects: Effects | None = None
    ) -> None:
        self._effects = effects or Effects()
        self.prefix = tuple(prefix)
        self.redundant_from: int | None = None
        self._asleep = asleep  # at the last step of the prefix, and from then on

    def choose(self, choice: Choice) -> Point:
        """Raises `Diverged` where the prefix cannot be followed."""
        if choice.step < len(self.prefix):
            return self._forced(choice)
        self._asleep = drowsy(self._asleep, choice.last, choice.enabled, self._effects)
        awake = [point for point in choice.enabled if point.actor not in self._asleep]
        if not awake and self.redundant_from is None:
            self.redundant_from = choice.step
        return _same_actor(awake or choice.enabled, choice.last)

    def _forced(self, choice: Choice) -> Point:
        expected = self.prefix[choice.step]
        if point := again(expected, choice.enabled):
            return point
        could = "; ".join(map(str, choice.enabled))
        why = f"{expected} was to go, as in an earlier run, but these could: {could}"
        raise Diverged(Divergence(step=choice.step, expected=expected, found=None, why=why))


def _same_actor(points: Sequence[Point], last: Point | None) -> Point:
    """The last actor's point, so that few preemptions are needed, or else the first."""
    return next((point for point in points if last is not None and point.actor == last.actor), points[0])
