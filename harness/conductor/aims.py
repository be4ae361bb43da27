"""Where a single fault is to strike: at the how-manieth operation of its kind.

A number among all operations would not find it again. A program that does the same work once more may make some more or
some fewer before it: a table that has grown is written in more places, threads write when they get to it. What the
operation does, and to which file, is the same. Which process does it is not asked: brothers race.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.conductor import kernel
from harness.conductor.drawn import Drawn
from harness.conductor.lanes import may_be_struck
from harness.conductor.stopped import StoppedCall, Where
from harness.conductor.troubles import may_strike, operation
from harness.schedules.decisions import Fault
from harness.schedules.points import shape


def kind_of(call: StoppedCall, drawn: Drawn) -> str:
    """What a call does to what: "renames or links home/config.json", without what is its actor's or the run's own.

    `drawn` knows the names that the round's earlier calls have drawn by chance, and learns this call's.
    """
    what = operation(call)
    drawn.see(call)
    return f"{what.value if what else call.kind.name} {shape(drawn.alike(call.path).replace(call.actor, '*'))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """This fault, at the actor's call number `nth` (from 0) of a kind, of those at which a kernel may give it.

    Without a kind all calls of the process count that the fault names.
    """

    fault: Fault
    nth: int
    kind: str = ""


class Aimed:
    """Follows one actor until the aim is met.

    Calls that are points only because they would be in vain are neither struck nor counted: no kernel gives another
    errno to who makes what exists, and how often a program asks for what is taken is never the same.
    """

    def __init__(self, aim: Aim, where: Where) -> None:
        self._aim = aim
        self._where = where
        self._passed = 0
        self._drawn = Drawn()

    def unordered(self, call: StoppedCall) -> bool:
        """Whether a call need not wait for a turn: its process has threads, and what is meant is known by what it does.

        All its threads would be waited for at every call, and a turn of Codex takes four times as long.
        """
        return bool(self._aim.kind) and call.supervisor.plural and kernel.threads(call.thread) > 1

    def at(self, call: StoppedCall, process: str) -> Fault | None:
        """The fault, if it strikes at this call of the process of this name."""
        if not (self._is_meant(call, process) and may_be_struck(call, self._where)):
            return None
        fault = self._aim.fault
        if not may_strike(call, fault):
            return None
        self._passed += 1
        return fault if self._passed == self._aim.nth + 1 else None

    def _is_meant(self, call: StoppedCall, process: str) -> bool:
        return kind_of(call, self._drawn) == self._aim.kind if self._aim.kind else process == self._aim.fault.actor
