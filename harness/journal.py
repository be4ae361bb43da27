"""The one ordered history of a run. Appending is the only thing that can be done to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, get_args

from harness.events import Event, History, What

T = TypeVar("T")
_KNOWN = get_args(What)


class Journal:
    """Numbers and dates what happened, in the order in which the loop decided it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._events: list[Event] = []

    def record(self, what: object) -> None:
        """Append one event. Raises TypeError for something that is not part of the vocabulary."""
        if not isinstance(what, _KNOWN):
            raise TypeError(f"{type(what).__name__} is not an event")
        self._events.append(Event(seq=len(self._events), at=self._clock() - self._began, what=what))

    def history(self) -> History:
        return History(tuple(self._events))
