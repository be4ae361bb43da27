"""Probabilistic concurrency testing: the actor of highest priority runs, and d-1 times the running one is lowered.

A bug of depth d is one that d ordering constraints provoke. One run finds it with probability at least 1/(n·k^(d-1)),
for n actors and k steps. Only steps with something to choose count: a change anywhere else would change nothing.
Source: Burckhardt, Kothari, Musuvathi and Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of Finding
Bugs", ASPLOS 2010.
"""

from __future__ import annotations

import random

from harness.schedules.points import Point, started
from harness.schedules.strategies.spins import Spins
from harness.schedules.strategy import Choice, Profile, Strategy

DEPTHS = 4  # deeper bugs are rare (Burckhardt 2010, table 1), and each level costs a factor of k
GUESS = 32  # how many steps a first run is taken to have, before any was seen


def make(chance: random.Random, profile: Profile, number: int = 0) -> Strategy:
    """The strategy of the number-th run with PCT: depths 1 to 4 take turns."""
    return PCT(chance, depth=1 + number % DEPTHS, steps=profile.contended or GUESS)


class PCT:
    """One run. Priorities: above `depth` the untouched actors, 1 to depth-1 the lowered, below them the spinning."""

    def __init__(self, chance: random.Random, *, depth: int, steps: int) -> None:
        self._chance = chance
        self._depth = depth
        self._changes = [(chance.randint(1, steps), level) for level in range(1, depth)]
        self._spins = Spins()
        self._priorities: dict[str, float] = {}
        self._lowered: dict[str, float] = {}  # by actor that has spun
        self._contended = 0
        self._lowest = 0

    def choose(self, choice: Choice) -> Point:
        self._meet(choice)
        self._contended += len(choice.enabled) > 1
        if len(choice.enabled) > 1:
            self._change(choice)
        return self._best(choice)

    def _meet(self, choice: Choice) -> None:
        """Give new actors a priority, and lower the actor that spins, with all processes that it has and will have.

        The process that was found so comes last of them: it may wait for a child of its own.
        """
        if spinning := self._spins.caught(choice):
            self._lowest -= 1
            self._lowered[spinning] = self._lowest
            for actor in self._priorities:
                if started(actor) == spinning:
                    spins = choice.last is not None and choice.last.actor == actor
                    self._priorities[actor] = self._lowest - spins / 2
        for point in choice.enabled:
            if point.actor not in self._priorities:
                drawn = self._depth + self._chance.random()
                self._priorities[point.actor] = self._lowered.get(started(point.actor), drawn)

    def _change(self, choice: Choice) -> None:
        """Lower the actor that would run, if this step is a change point."""
        for step, level in self._changes:
            if step == self._contended:
                self._priorities[self._best(choice).actor] = level

    def _best(self, choice: Choice) -> Point:
        return max(choice.enabled, key=lambda point: self._priorities[point.actor])
