"""Who reads, between two attempts in vain, what it has read before the first of them: whose lock it is, how old.

As nobody else has gone meanwhile it learns nothing new, and how often it does so is a matter of the clock. So that is
no step of the schedule, as the attempts are none: a program that asks for eight seconds would take another number of
steps in each replay.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.conductor.lanes import Stop


class Polls:
    """What the actor that went last has asked for since another one went, or anything was changed."""

    def __init__(self) -> None:
        self._actor = ""
        self._asked: set[tuple[str, str]] = set()  # by which process, and what
        self._tries_again = False

    def step(self, stop: Stop, *, again: bool) -> None:
        """Somebody is about to go on; `again`: with what is no step."""
        if stop.call.actor != self._actor or (_changes(stop) and not again):
            self._actor, self._tries_again = stop.call.actor, False
            self._asked.clear()
        self._tries_again = self._tries_again or again
        self._asked.add((stop.point.actor, stop.point.attempt))

    def lone(self, stops: Sequence[Stop]) -> Stop | None:
        """The only one who can go on, if it polls: it has tried in vain again, and asks what it has asked before."""
        if len(stops) != 1 or not self._tries_again or _changes(stops[0]):
            return None
        [stop] = stops
        known = stop.call.actor == self._actor and (stop.point.actor, stop.point.attempt) in self._asked
        return stop if known else None


def _changes(stop: Stop) -> bool:
    return any(touch.writes for touch in stop.point.touches)
