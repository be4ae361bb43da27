"""Uniform random walk: an actor's chance is in proportion to the points that it has left.

If the counts are right and nothing blocks, every interleaving is equally likely, where a plain random walk
lets short actors end early nearly always. The counts come from earlier runs; without them it is a random walk.
Source: Zhao et al., "Selectively Uniform Concurrency Testing", ASPLOS 2025.
"""

from __future__ import annotations

import random

from harness.schedules.points import Point
from harness.schedules.strategies.spins import Spins
from harness.schedules.strategy import Choice, Profile, Strategy


def make(chance: random.Random, profile: Profile, number: int = 0) -> Strategy:
    """One run's strategy."""
    return _UniformRandomWalk(chance, profile)


class _UniformRandomWalk:
    def __init__(self, chance: random.Random, profile: Profile) -> None:
        self._chance = chance
        self._profile = profile
        self._spins = Spins()

    def choose(self, choice: Choice) -> Point:
        points = self._spins.calm(choice)
        return self._chance.choices(points, weights=[self._left(point) for point in points])[0]

    def _left(self, point: Point) -> int:
        """At least the point itself, also where an actor has more points than ever before."""
        return max(1, self._profile.points.get(point.actor, 0) - point.index)
