"""Partial-order sampling, aware of paths: random priorities for points, drawn anew only where an order was decided.

A point that waits keeps its priority while others draw new ones, so an actor can be kept before one point for long: the
chance to wait for k steps falls as 1/k, where a random walk's falls as 2^-k. That is what rare windows need.
Points that race with nothing enabled go first, as their order decides nothing. But that somebody will race with them
later decides much, so as soon as a run has shown which objects are shared, a point on a shared one counts as racing:
all actors go on to their next shared point before any of these orders is drawn. No class of schedules is lost by that,
as a point on any other object commutes with all that the others do; a run that touches a new shared one teaches it.
But that is true of what is seen only: a file that somebody else asks for by a call that is not stopped (stat, in most
campaigns) looks like nobody else's. So in every third run no point goes first: all are taken for racing.
Source: Yuan, Yang and Gu, "Partial Order Aware Concurrency Sampling", CAV 2018.
"""

from __future__ import annotations

import random

from harness.schedules.points import Point, racing
from harness.schedules.strategies.spins import Spins
from harness.schedules.strategy import Choice, Profile, Strategy


def make(chance: random.Random, profile: Profile, number: int = 0) -> Strategy:
    """One run's strategy: every third one trusts no point to be nobody else's business."""
    return _PartialOrderSampling(chance, profile, trusting=number % 3 < 2)


class _PartialOrderSampling:
    def __init__(self, chance: random.Random, profile: Profile, *, trusting: bool = True) -> None:
        self._chance = chance
        self._trusting = trusting
        self._profile = profile
        self._spins = Spins()
        self._priorities: dict[tuple[str, int], float] = {}  # by actor and index of a pending point

    def choose(self, choice: Choice) -> Point:
        points = self._spins.calm(choice)
        chosen = max([point for point in points if self._free(point, choice)] or points, key=self._priority)
        for point in choice.enabled:
            if point == chosen or racing(point, chosen):
                self._priorities.pop((point.actor, point.index), None)
        return chosen

    def _free(self, point: Point, choice: Choice) -> bool:
        if not self._trusting or self._profile.shares(point):
            return False
        return not any(racing(point, other) for other in choice.enabled)

    def _priority(self, point: Point) -> float:
        key = (point.actor, point.index)
        if key not in self._priorities:
            self._priorities[key] = self._chance.random()
        return self._priorities[key]
