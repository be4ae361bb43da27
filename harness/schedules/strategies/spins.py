"""Who repeats itself while nobody else moves: the guard against starving what a busy loop waits for.

The conductor takes a spinning actor out of the enabled ones when it notices. A strategy must not rely on that: one that
always prefers the loop would never let go on the actor that ends it.
"""

from __future__ import annotations

from harness.schedules.points import Point
from harness.schedules.strategy import Choice

LIMIT = 16  # a writer in small chunks repeats itself too; it only has to wait for as long as it was alone


class Spins:
    """Follows one run through the choices that its strategy is shown."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._last = ("", "")  # actor and fingerprint of the step before
        self._repeats = 0
        self._resting: dict[str, int] = {}  # by actor: for how many steps of others it has the lowest priority

    def caught(self, choice: Choice) -> str:
        """The actor that was just found spinning, or "". Call it exactly once for each choice."""
        if choice.last is None:
            return ""
        now = (choice.last.actor, choice.last.fingerprint)
        self._repeats = self._repeats + 1 if now == self._last else 1
        self._last = now
        self._resting = {a: left - (a != now[0]) for a, left in self._resting.items() if left > 0}
        if self._repeats < self._limit:
            return ""
        self._repeats = 0
        self._resting[now[0]] = self._limit
        return now[0]

    def calm(self, choice: Choice) -> tuple[Point, ...]:
        """The enabled points without those of spinning actors, or all when nothing else is left. Counts the choice."""
        self.caught(choice)
        return tuple(p for p in choice.enabled if not self._resting.get(p.actor)) or choice.enabled
