"""Who asks next, where all who could go on would ask in vain.

One of them may be held just where it has, for a moment, what another one asks for: SQLite keeps a shared lock until it
has learnt that the next one is taken. If the other were let ask for as long as it likes it would give up, which no
machine brings about in those seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from harness.conductor.lanes import Stop


class Tries:
    """How often each actor has asked in vain since anybody did anything else."""

    def __init__(self) -> None:
        self._by_actor: Counter[str] = Counter()

    def step(self, actor: str, *, in_vain: bool) -> None:
        """The actor is about to go on."""
        if in_vain:
            self._by_actor[actor] += 1
        else:
            self._by_actor.clear()

    def next(self, stops: Iterable[Stop]) -> Stop:
        """The one whose actor has asked least, of those the first by name."""
        return min(stops, key=lambda stop: (self._by_actor[stop.call.actor], stop.point.actor))
