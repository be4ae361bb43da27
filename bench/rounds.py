"""Times several ways of doing the same thing in turns (A B A B), so that a machine's moods meet all of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Action = Callable[[], float]  # does the thing once; gives the seconds it took
Say = Callable[[str], object]


class BenchError(Exception):
    """A command that is measured did not do its work, so its time means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one arm of one measure took, round by round, in seconds."""

    measure: str
    arm: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def interleave(measure: str, arms: Mapping[str, Action], rounds: int, say: Say) -> list[Sample]:
    """Run every arm once unmeasured, so that caches are warm, then all of them in each round. Raises BenchError."""
    taken: dict[str, list[float]] = {arm: [] for arm in arms}
    for number in range(rounds + 1):
        say(f"{measure}: {'warming up' if number == 0 else f'round {number} of {rounds}'}")
        for arm, action in arms.items():
            seconds = action()
            if number:
                taken[arm].append(seconds)
    return [Sample(measure=measure, arm=arm, seconds=tuple(times)) for arm, times in taken.items()]


def ratios(samples: list[Sample], arm: str, to: str) -> Sample:
    """Round by round, how many times as long `arm` took as `to`: pairs share the machine's mood."""
    times = {sample.arm: sample.seconds for sample in samples}
    pairs = zip(times[arm], times[to], strict=True)
    return Sample(measure=f"{samples[0].measure} / {to}", arm=arm, seconds=tuple(a / b for a, b in pairs))
