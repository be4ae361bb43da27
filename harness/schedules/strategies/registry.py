"""From a name on the command line to a strategy."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Protocol

from harness.errors import UsageError
from harness.schedules.strategies import pct, pos, random_walk, reversal, urw
from harness.schedules.strategy import Profile, Strategy


class Maker(Protocol):
    """Makes the strategy of one run, which draws from `chance` only. `number`: how many runs it had before this one."""

    def __call__(self, chance: random.Random, profile: Profile, number: int = 0) -> Strategy: ...


class Registry:
    """Strategies by name. A name means one thing for good."""

    def __init__(self, makers: Mapping[str, Maker]) -> None:
        self._makers: dict[str, Maker] = {}
        for name, maker in makers.items():
            self.add(name, maker)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._makers)

    def add(self, name: str, maker: Maker) -> None:
        """Raises UsageError for a name that is taken."""
        if name in self._makers:
            raise UsageError(f"there is a strategy {name!r} already", hint="give yours another name")
        self._makers[name] = maker

    def find(self, name: str) -> Maker:
        """Raises UsageError for an unknown name, saying which there are."""
        if name not in self._makers:
            raise UsageError(f"there is no strategy {name!r}", hint=f"strategies: {', '.join(self._makers)}")
        return self._makers[name]


STRATEGIES = Registry(
    {
        "pos": pos.make,
        "pct": pct.make,
        "urw": urw.make,
        "random-walk": random_walk.make,
        "reversal": reversal.make,
    }
)
