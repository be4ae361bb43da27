"""Who asks next, where all who could go on would ask in vain.

One of them may be held just where it has, for a moment, what another one asks for: SQLite keeps a shared lock until it
has learnt that the next one is taken. If the other were let ask for as long as it likes it would give up, which no
machine brings about in those seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from harness.conductor.lanes import Stop

_LEAD = 16  # attempts: as many as a strategy lets an actor repeat itself (`Spins`)


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

    def fair(self, stops: Iterable[Stop]) -> list[Stop]:
        """Those of whose actors none has asked much oftener than the one that has asked least."""
        tried = [(self._by_actor[stop.call.actor], stop) for stop in stops]
        least = min((times for times, _ in tried), default=0)
        return [stop for times, stop in tried if times < least + _LEAD]
