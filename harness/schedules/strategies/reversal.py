"""Leaves an earlier run where two of its points could have come the other way round, and goes on by itself from there.

Which run and which points, the campaign's frontier says (harness/schedules/frontier.py). Up to there the run is
followed; whoever went there then sleeps until somebody does what concerns him, as letting him go would only be that run
again. But who spins may wait for just him, and so may two that take turns: nobody sleeps through a loop, or for longer
than the other run was. All else is left to partial-order sampling; so is a run that cannot be followed, as not all
programs repeat.
"""

from __future__ import annotations

import random
from dataclasses import replace

from harness.schedules.effects import Effects
from harness.schedules.frontier import Reversal
from harness.schedules.guided import again, drowsy
from harness.schedules.points import Point
from harness.schedules.strategies import pos
from harness.schedules.strategies.spins import Spins
from harness.schedules.strategy import Choice, Profile, Strategy


def make(chance: random.Random, profile: Profile, number: int = 0) -> Strategy:
    """One run's strategy; partial-order sampling as long as no reversal is known."""
    reversal = profile.frontier.draw(chance)
    sampling = pos.make(chance, profile, number)
    return sampling if reversal is None else _Reversing(reversal, sampling)


class _Reversing:
    def __init__(self, reversal: Reversal, sampling: Strategy) -> None:
        self._way = [*reversal.run[: reversal.at], reversal.first]
        self._asleep = frozenset({reversal.run[reversal.at].actor})
        self._longest = len(reversal.run)
        self._spins = Spins()
        self._effects = Effects()
        self._sampling = sampling

    def choose(self, choice: Choice) -> Point:
        if self._spins.caught(choice) or choice.step > self._longest:
            self._asleep = frozenset()
        if choice.step < len(self._way):
            if point := again(self._way[choice.step], choice.enabled):
                return point
            self._way.clear()
            self._asleep = frozenset()
        else:
            self._asleep = drowsy(self._asleep, choice.last, choice.enabled, self._effects)
        awake = tuple(point for point in choice.enabled if point.actor not in self._asleep)
        return self._sampling.choose(replace(choice, enabled=awake or choice.enabled))
