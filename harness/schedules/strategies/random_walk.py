"""Random walk: each enabled actor is as likely as any other. The control arm, against which the others are measured."""

from __future__ import annotations

import random

from harness.schedules.points import Point
from harness.schedules.strategies.spins import Spins
from harness.schedules.strategy import Choice, Profile, Strategy


def make(chance: random.Random, profile: Profile, number: int = 0) -> Strategy:
    """One run's strategy; it learns nothing."""
    return _RandomWalk(chance)


class _RandomWalk:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._spins = Spins()

    def choose(self, choice: Choice) -> Point:
        return self._chance.choice(self._spins.calm(choice))
