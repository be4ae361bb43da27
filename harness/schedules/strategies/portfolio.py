"""The portfolio: which strategy has which run. No strategy is best on every bug, so they take turns.

Path-aware POS leads, as it finds the rare lost updates of files most often; PCT has its guarantee for any depth; URW is
good where actors differ in length; random walk stays as the control arm, and is not bad at shallow bugs. Once a
campaign has had four runs, five of eight reverse races of earlier ones, so that few classes of schedules are met twice.
In every fourth run somebody may be stopped who has what the others ask for; in every fourth of these, from the
fifteenth run on, so long that time limits pass, which takes seconds where a program looks at the clock.
"""

from __future__ import annotations

import random

from harness.schedules.decisions import STALL, STOP
from harness.schedules.strategies.registry import STRATEGIES
from harness.schedules.strategies.stops import Stops
from harness.schedules.strategy import Profile, Strategy

_STOPS_EVERY = 4
_STALLS_EVERY = 16  # a campaign of the usual length is to be quick: it has none
_KNOWN = 4  # runs before races are reversed: the first ones are to differ as much as they can
_DRAWN_EVERY = 8  # of these one is drawn anew, as the others stay near to what is known
TURNS = ("pos", "pct", "pos", "urw", "pos", "random-walk", "pos", "pct", "pos", "urw")


def pick(number: int, seed: int, profile: Profile) -> tuple[str, Strategy]:
    """The name and the strategy of the campaign's run of that number, counted from 0."""
    if profile.frontier.runs >= _KNOWN and not _stops(number) and number % _DRAWN_EVERY != _DRAWN_EVERY - 1:
        return "reversal", make("reversal", number, seed, profile)
    name = turn(number)
    before = sum(turn(earlier) == name for earlier in range(number % len(TURNS)))
    before += number // len(TURNS) * TURNS.count(name)
    strategy = make(name, before, seed, profile)
    if not _stops(number):
        return name, strategy
    pause = STALL if number % _STALLS_EVERY == _STALLS_EVERY - _STOPS_EVERY // 2 else STOP
    return name, Stops(strategy, random.Random(f"stops#{seed}#{number}"), pause)


def _stops(number: int) -> bool:
    return number % _STOPS_EVERY == _STOPS_EVERY // 2


def make(name: str, number: int, seed: int, profile: Profile) -> Strategy:
    """The strategy of the number-th run of one name. Raises UsageError for an unknown one."""
    return STRATEGIES.find(name)(random.Random(f"{name}#{seed}#{number}"), profile, number)


def turn(number: int) -> str:
    """Whose turn the run of that number is."""
    return TURNS[number % len(TURNS)]
