"""Faults that wait for a call at which a kernel may give them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from harness.conductor.lanes import Stop, may_be_struck
from harness.conductor.stopped import Where
from harness.conductor.troubles import may_strike
from harness.schedules.decisions import Decisions, Fault


class Deferred:
    """The decisions' faults; one whose point has come to be another call strikes at the actor's next that may have it.

    A point is a number, and a program that does the same work again may make a call more or less before it: a table
    that has grown is written in more places. A fault that no kernel gives there would blame it for what cannot happen.
    Calls that are points only because they would be in vain are neither struck nor counted: no kernel gives another
    errno to who makes what exists, and how often a program asks for what is taken is never the same.
    """

    def __init__(self, decisions: Decisions, where: Where) -> None:
        self._decisions = decisions
        self._where = where
        self._counted: Counter[str] = Counter()  # by actor: its points so far that may be struck
        self._waiting: dict[str, Fault] = {}  # by actor

    def at(self, stop: Stop) -> Fault | None:
        """The fault that strikes at this stop."""
        if not may_be_struck(stop.call, self._where):
            return None
        actor = stop.point.actor
        point = replace(stop.point, index=self._counted[actor])
        self._counted[actor] += 1
        fault = self._decisions.fault_at(point) or self._waiting.pop(actor, None)
        if fault is None or may_strike(stop.call, fault):
            return fault
        self._waiting[actor] = fault
        return None
