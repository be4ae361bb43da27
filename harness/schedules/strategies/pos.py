"""Partial-order sampling, aware of paths: random priorities for points, drawn anew only where an order was decided.

A point that waits keeps its priority while others draw new ones, so an actor can be kept before one point for long: the
chance to wait for k steps falls as 1/k, where a random walk's falls as 2^-k. That is what rare windows need.
Points that race with nothing enabled go first, as their order decides nothing yet.
Source: Yuan, Yang and Gu, "Partial Order Aware Concurrency Sampling", CAV 2018.
"""

from __future__ import annotations

import random

from harness.schedules.points import Point, racing
from harness.schedules.strategies.spins import Spins
from harness.schedules.strategy import Choice, Profile, Strategy


def make(chance: random.Random, profile: Profile, number: int = 0) -> Strategy:
    """One run's strategy."""
    return _PartialOrderSampling(chance)


class _PartialOrderSampling:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._spins = Spins()
        self._priorities: dict[tuple[str, int], float] = {}  # by actor and index of a pending point

    def choose(self, choice: Choice) -> Point:
        points = self._spins.calm(choice)
        free = [point for point in points if not any(racing(point, other) for other in choice.enabled)]
        chosen = max(free or points, key=self._priority)
        for point in choice.enabled:
            if point == chosen or racing(point, chosen):
                self._priorities.pop((point.actor, point.index), None)
        return chosen

    def _priority(self, point: Point) -> float:
        key = (point.actor, point.index)
        if key not in self._priorities:
            self._priorities[key] = self._chance.random()
        return self._priorities[key]
