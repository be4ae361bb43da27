"""Iterative preemption bounding: every schedule without a preemption, then every one with 1, 2 and so on.

Not a random strategy but an exploration: it proposes decisions, is told the trace that they led to, and proposes others
that differ from it in one later choice. Each schedule is proposed once. Most bugs need few preemptions, so what is
found first is nearly minimal. What is complete is said by `complete` and `exhausted`, and only for programs that do the
same in the same order each time. No dependency is used, so many of the orders that it proposes mean the same.
Source: Musuvathi and Qadeer, "Iterative Context Bounding for Systematic Testing of Multithreaded Programs", PLDI 2007.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator

from harness.schedules.decisions import Absent, Decisions, Entry, Fault, Switch, default
from harness.schedules.points import Point
from harness.schedules.trace import Step, Trace


class Bounded:
    """One exploration. Call `propose`, run it, call `learn`, until `propose` gives None."""

    def __init__(self, most: int | None = None, start: Decisions | None = None) -> None:
        """At most that many preemptions, or any number; `start` holds faults and absent actors for every run."""
        fixed = tuple(entry for entry in (start or Decisions()).entries if not isinstance(entry, Switch))
        self._most = most
        self._fixed: tuple[Absent | Fault, ...] = fixed
        self._waiting: dict[int, deque[tuple[Switch, ...]]] = defaultdict(deque)
        self._waiting[0].append(())
        self._running: tuple[Switch, ...] | None = None
        self.bound = 0  # how many preemptions the schedules have that are proposed now
        self.ran = 0
        self.unexpected = 0  # runs that did not follow what was proposed; none may be, for anything to be complete

    @property
    def complete(self) -> int:
        """All schedules with at most that many preemptions were run; -1: not even those without."""
        if self.unexpected:
            return -1
        return self.bound if self._running is None and not self._waiting[self.bound] else self.bound - 1

    def propose(self) -> Decisions | None:
        """The next schedule, or None when all within the limit were proposed."""
        while not self._waiting[self.bound]:
            if not any(self._waiting.values()) or self.bound == self._most:
                return None
            self.bound += 1
        self._running = self._waiting[self.bound].popleft()
        entries: tuple[Entry, ...] = (*self._fixed, *self._running)
        return Decisions(entries)

    def learn(self, trace: Trace) -> None:
        """What the schedule proposed last led to."""
        assert self._running is not None, "a schedule is proposed before a trace is learned"
        switches, self._running = self._running, None
        self.ran += 1
        if Decisions.from_trace(trace).switches != switches:
            self.unexpected += 1
            return
        for cost, more in _branches(trace, len(switches)):
            self._waiting[cost].append((*switches, more))


def _branches(trace: Trace, switches: int) -> Iterator[tuple[int, Switch]]:
    """Each other choice after the last switch of the trace: what it costs in preemptions in all, and the switch."""
    last: Point | None = None
    cost = left = 0
    for step in trace.steps:
        usual = default(step.enabled, last)
        preempts = last is not None and usual.actor == last.actor
        if left == switches:
            yield from ((cost + preempts, more) for more in _others(step, usual))
        elif step.chosen.actor != usual.actor:
            left += 1
            cost += preempts
        last = step.chosen


def _others(step: Step, usual: Point) -> Iterator[Switch]:
    return (Switch(usual.actor, usual.index, other.actor) for other in step.enabled if other.actor != usual.actor)


def explore(bounded: Bounded, run: Callable[[Decisions], Trace], limit: int | None = None) -> Iterator[Trace]:
    """The traces of all that is proposed, or of the first `limit`."""
    while (limit is None or bounded.ran < limit) and (decisions := bounded.propose()) is not None:
        trace = run(decisions)
        bounded.learn(trace)
        yield trace
