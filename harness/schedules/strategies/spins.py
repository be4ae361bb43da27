"""Who repeats itself while nobody else moves: the guard against starving what a busy loop waits for.

The conductor takes a spinning actor out of the enabled ones when it notices. A strategy must not rely on that: one that
always prefers the loop would never let go on the actor that ends it.
"""

from __future__ import annotations

from collections import Counter

from harness.schedules.points import Point, Touch, named, started
from harness.schedules.strategy import Choice

LIMIT = 16  # a writer in small chunks repeats itself too; it only has to wait for as long as it was alone
POLLS = 100  # far more than a program asks to be sure; a schedule of this many steps is still a short one


class Spins:
    """Follows one run through the choices that its strategy is shown.

    A loop may ask in several ways, and each time by a process of its own, as a shell's does: so what counts is that an
    actor, with all its processes, has done nothing but what it had done before since another one went.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._actor = ""  # whoever went last
        self._done: set[str] = set()  # attempts, since another one went
        self._repeats = 0
        self._resting: dict[str, int] = {}  # by actor: for how many steps of others it has the lowest priority
        self._spun: dict[str, str] = {}  # by actor: the process of it that was found spinning last

    def caught(self, choice: Choice) -> str:
        """The actor that was just found spinning, or "". Call it exactly once for each choice."""
        if choice.last is None:
            return ""
        actor, attempt = started(choice.last.actor), choice.last.attempt
        if actor != self._actor:
            self._actor, self._done = actor, set()
        self._repeats = self._repeats + 1 if attempt in self._done else 1
        self._done.add(attempt)
        self._resting = {a: left - (a != actor) for a, left in self._resting.items() if left > 0}
        if self._repeats < self._limit:
            return ""
        self._repeats = 0
        self._resting[actor] = self._limit
        self._spun[actor] = choice.last.actor
        return actor

    def calm(self, choice: Choice) -> tuple[Point, ...]:
        """The enabled points without those of spinning actors. Counts the choice.

        When nothing else is left, those of an actor's other processes: it may wait for a child of its own. Else all.
        """
        self.caught(choice)
        others = tuple(p for p in choice.enabled if not self._resting.get(started(p.actor)))
        siblings = tuple(p for p in choice.enabled if self._spun.get(started(p.actor)) != p.actor)
        return others or siblings or choice.enabled


class Polls:
    """Finds who asks for exactly the same again and again and changes nothing new, which is never of any use to it.

    What it has changed before does not count: some write their name into a file of their own before each attempt.
    """

    def __init__(self) -> None:
        self._actor = ""
        self._changed: set[str] = set()  # objects, since another one went
        self._asked: Counter[tuple[str, tuple[Touch, ...]]] = Counter()  # since then, or since it changed another one

    def caught(self, choice: Choice) -> bool:
        """Whether the actor that went last polls. Call it exactly once for each choice."""
        if choice.last is None:
            return False
        actor, touches = started(choice.last.actor), named(choice.last.touches)
        changes = {touch.object for touch in touches if touch.writes}
        if actor != self._actor or not changes <= self._changed:
            self._changed = changes | (self._changed if actor == self._actor else set())
            self._actor = actor
            self._asked.clear()
        if changes:
            return False
        self._asked[choice.last.call, touches] += 1
        return self._asked[choice.last.call, touches] > POLLS
