"""Another strategy's run, in which one process is stopped (SIGSTOP) while it has what the others ask for.

Without that nobody asks in vain for long: whoever has the lock goes on, and it is free. So a program that gives up
after some attempts never does, and nobody meets a lock that is taken and let go of between two points.
"""

from __future__ import annotations

import random

from harness.schedules.decisions import STOP
from harness.schedules.points import Point
from harness.schedules.strategy import Choice, Strategy

_CHANCE = 1 / 3  # of each moment that may matter; a critical section seldom has more than a handful


class Stops:
    """One run; `strategy` chooses who goes, and `pause` is what stops somebody: STOP or STALL."""

    def __init__(self, strategy: Strategy, chance: random.Random, pause: str = STOP) -> None:
        self._strategy = strategy
        self._chance = chance
        self._pause = pause
        self._stopped = False

    def choose(self, choice: Choice) -> Point:
        return self._strategy.choose(choice)

    def stops(self) -> str:
        """At most once in a run."""
        self._stopped, before = self._stopped or self._chance.random() < _CHANCE, self._stopped
        return self._pause if self._stopped and not before else ""
