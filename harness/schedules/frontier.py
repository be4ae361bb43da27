"""Where an earlier run can be left for a class of schedules that no run has met: the order of two points, reversed.

Who draws each run anew meets the same classes again and again: 150 runs by partial-order sampling met seven of the
generation-collector of our corpus. Each race of a run that is known could have come the other way round; whoever
follows that run up to there, and then lets the other one go first, comes to a class that is not the run's own.
Who has to go first is said by source sets (harness/schedules/races.py), but nothing here is exhaustive: the next race
is drawn, so that a search is as wide as its runs allow, and a beginning counts as met in whatever order a run had it.
Kinds of races that were tried seldom come first, which keeps loops from having all of them.
Sources: Abdulla, Aronis, Jonsson and Sagonas, "Optimal dynamic partial order reduction", POPL 2014; for feedback by
what was seen seldom, Wolff, Shi, Duck, Mathur and Roychoudhury, "Greybox Fuzzing for Concurrency Testing", ASPLOS 2024.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from harness.schedules.clocks import Clocks, Event
from harness.schedules.effects import Effects
from harness.schedules.points import Point
from harness.schedules.races import Race, Run, all_races
from harness.schedules.trace import Step, Trace

LIMIT = 2000  # reversals that are kept; of more the oldest are forgotten
_NAMES = 1 << 128  # as many names of beginnings there are


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """One way into a class that no run has met."""

    run: tuple[Point, ...]  # a run that is known
    at: int  # its step at which it is left
    first: Point  # what goes there instead
    kind: str  # the two points whose order is reversed, the same over runs


class Frontier:
    """All reversals that one campaign's runs have shown and none of them has tried. It grows with each run."""

    def __init__(self) -> None:
        self.runs = 0
        self._unread: list[tuple[Trace, int]] = []  # with the name of what it was to try; read when somebody draws
        self._drawn = 0  # the name of what the next run is to try; the empty beginning's for nothing
        self._effects = Effects()
        self._met: set[int] = set()  # the names of all beginnings of all runs
        self._open: dict[int, Reversal] = {}  # by the name of the beginning that it would make
        self._tried: Counter[str] = Counter()  # by kind

    def add(self, trace: Trace) -> None:
        """One more run."""
        self.runs += 1
        self._unread.append((trace, self._drawn))
        self._drawn = 0

    def draw(self, chance: random.Random) -> Reversal | None:
        """One of the kind that was tried least; None when each has been tried. The same again until a run is added."""
        for trace, drawn in self._unread:
            self._read(trace, drawn)
        self._unread.clear()
        kinds: dict[str, list[int]] = defaultdict(list)
        for name, reversal in self._open.items():
            kinds[reversal.kind].append(name)
        least = min((self._tried[kind] for kind in kinds), default=0)
        rarest = [names for kind, names in kinds.items() if self._tried[kind] == least]
        if not rarest:
            return None
        self._drawn = chance.choice(chance.choice(rarest))
        return self._open[self._drawn]

    def _read(self, trace: Trace, drawn: int) -> None:
        """What was drawn is tried, even if its run went another way: not all programs repeat."""
        self._effects.learn(trace.points)
        beginnings, reversals = self._walked(trace)
        for name in (drawn, *beginnings):
            if reversal := self._open.pop(name, None):
                self._tried[reversal.kind] += 1
        self._met.update(beginnings)
        for name, reversal in reversals:
            if name not in self._met:
                self._open.setdefault(name, reversal)
        for name in list(self._open)[:-LIMIT]:
            del self._open[name]

    def _walked(self, trace: Trace) -> tuple[list[int], list[tuple[int, Reversal]]]:
        """The names of the run's beginnings, from the empty one to the whole, and its reversals by the names of theirs.

        A name is the same for all orders of one class.
        """
        points, wanted = trace.points, _wanted(trace.steps)
        names, reversals, known = [0], list[tuple[int, Reversal]](), Clocks()
        for at, step in enumerate(trace.steps):
            for actor, kind in wanted[at].items():
                for first in (self._effects.whole(point) for point in step.enabled if point.actor == actor):
                    name = _longer(names[-1], known.next(first))
                    reversals.append((name, Reversal(run=points, at=at, first=first, kind=kind)))
            names.append(_longer(names[-1], known.append(step.chosen)))
        return names, reversals


def _wanted(steps: Sequence[Step]) -> dict[int, dict[str, str]]:
    """By step, who should go there instead, and the kind of the race for whose sake."""
    wanted: dict[int, dict[str, str]] = defaultdict(dict)
    run = Run(steps)
    for later in run.laters(0):
        for race in all_races(run, later):
            earlier = steps[race.at].chosen
            kind = f"{_kind(earlier)}; {_kind(later.point)}"
            for actor in _first(race, earlier.actor):
                wanted[race.at].setdefault(actor, kind)
    return wanted


def _first(race: Race, went: str) -> Iterator[str]:
    """Any of them can begin what reverses it; where it is not known who could, each may."""
    others = [actor for actor in race.first if actor != went]
    yield from others if race.every else others[:1]


def _kind(point: Point) -> str:
    return f"{point.actor} {point.fingerprint}"


def _longer(name: int, event: Event) -> int:
    """The name of the beginning that is one event longer: a sum, in which the order of the events does not matter."""
    number = int.from_bytes(blake2b(str(event).encode(errors="surrogateescape"), digest_size=16).digest())
    return (name + number) % _NAMES
