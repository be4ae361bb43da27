"""Faults that wait for a call at which a kernel may give them."""

from __future__ import annotations

from harness.conductor.calls import Family
from harness.conductor.lanes import Stop
from harness.conductor.supervisor import StoppedCall, Where
from harness.conductor.troubles import may_strike
from harness.schedules.decisions import Decisions, Fault


class Deferred:
    """The decisions' faults; one whose point has come to be another call strikes at the actor's next that may have it.

    A point is a number, and a program that does the same work again may make a call more or less before it: a table
    that has grown is written in more places. A fault that no kernel gives there would blame it for what cannot happen.
    Nor does one strike at a call that is a point only because it would be in vain, such as making what exists.
    """

    def __init__(self, decisions: Decisions, where: Where) -> None:
        self._decisions = decisions
        self._where = where
        self._waiting: dict[str, Fault] = {}  # by actor

    def at(self, stop: Stop) -> Fault | None:
        """The fault that strikes at this stop."""
        fault = self._decisions.fault_at(stop.point) or self._waiting.pop(stop.point.actor, None)
        if fault is None or (self._asked_for(stop.call) and may_strike(stop.call, fault)):
            return fault
        self._waiting[stop.point.actor] = fault
        return None

    def _asked_for(self, call: StoppedCall) -> bool:
        return call.kind.family is Family.START or self._where(call)
