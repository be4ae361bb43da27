"""Calls that a scheduler orders, or lets fail: the faults whose place is one call of one actor."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from fakes.gates import Ticket
from fakes.server import Fakes
from harness.conductor.aims import Aim, Aimed
from harness.conductor.scheduler import Scheduler
from harness.conductor.stopped import Director, Where
from harness.events import ReplyHeld, Scheduled, What
from harness.journal import Journal
from harness.lab.gates import HeldReply
from harness.lab.stage import Stage
from harness.schedules.decisions import Decisions, Fault, Follow
from harness.schedules.points import Point, Touch
from harness.schedules.replay import Diverged
from harness.schedules.strategy import Strategy
from harness.schedules.trace import Trace
from harness.targets.protocol import Site, Target


class Ordering(Stage):
    """What the plan of one run decides, and the schedulers that carry it out."""

    def __init__(
        self,
        *,
        target: Target,
        site: Site,
        fakes: Fakes,
        journal: Journal,
        conducted: bool,
        faulty: bool,
        chance: random.Random,
        strategy: Strategy,
        decisions: Decisions,
    ) -> None:
        super().__init__(target=target, site=site, journal=journal, faulty=faulty)
        self.fakes = fakes
        self.chance = chance  # the plan's only source of choices
        self.conducted = conducted  # whether system calls can be stopped here
        self.directors: list[Director] = []
        self.trace: Trace | None = None  # of the part of the run that was scheduled
        self.stops: tuple[Fault, ...] = ()  # what its strategy has drawn besides
        self.diverged: Diverged | None = None  # the run is a replay, and left its recording
        self._strategy = strategy
        self._decisions = decisions
        self._scheduler: Scheduler | None = None

    @asynccontextmanager
    async def scheduled(
        self, fault: str, parties: int, where: Where | None = None, *, gates: Collection[str] = ()
    ) -> AsyncIterator[None]:
        """Let the actors started inside go on one at a time, in the plan's order, at the calls that match.

        Without `where` these are all calls on the target's home and the workspaces. What the fakes hold at one of the
        `gates` is let go in the plan's order as well, one exchange at a time. Raises what the schedule raised: a replay
        that left its recording proves nothing.
        """
        self.plan(fault)
        for struck in self._decisions.faults:  # of a replay: one whose point does not come, or cannot have it
            self.plan(str(struck))
        if not self.faulty or not self.conducted:
            for gate in gates:
                self.fakes.release(gate)
            yield
            self.fired(fault, "all were started at once; system calls are not stopped in this run")
            return
        scheduler = Scheduler(
            fault=fault, parties=parties - len(self._decisions.absent), where=where or self.is_turn,
            root=str(self.site.root), strategy=self._strategy, decisions=self._decisions, surroundings=self,
            record=self.record,
        )  # fmt: skip
        forget = self.fakes.on_held(lambda ticket: self._hold(scheduler, ticket, gates))
        try:
            async with self._in_force(scheduler):
                yield
        finally:
            forget()
            self.trace = scheduler.trace
            self.stops = scheduler.stops
            for point in scheduler.struck:
                if planned := self._decisions.fault_at(point):
                    self.fired(str(planned), str(point))
            for gate in gates:
                self.fakes.release(gate)
        scheduler.finish()

    @asynccontextmanager
    async def struck(self, fault: Fault, where: Where) -> AsyncIterator[None]:
        """Let this fault strike the one actor started inside.

        Its index counts the process's calls that match and may have the fault. If there are fewer it has not fired.
        """
        self.plan(str(fault))
        async with self.attempted(Aim(fault=fault, nth=fault.index), where):
            yield

    @asynccontextmanager
    async def attempted(self, aim: Aim, where: Where) -> AsyncIterator[list[Point]]:
        """The same for a fault that need not find its call; gives where it struck, once it has.

        A scheduler of one party: the processes and threads of the actor take turns.
        """
        fault = aim.fault
        scheduler = Scheduler(
            fault=str(fault), parties=1, where=where, root=str(self.site.root), strategy=Follow(Decisions()),
            decisions=Decisions(), surroundings=self, record=self._record_strike, aimed=Aimed(aim, where),
        )  # fmt: skip
        async with self._in_force(scheduler):
            yield scheduler.struck
        for point in scheduler.struck:
            self.fired(str(fault), f"{fault.what} at {point}")
        if scheduler.failure is not None:
            raise scheduler.failure

    @asynccontextmanager
    async def _in_force(self, scheduler: Scheduler) -> AsyncIterator[None]:
        self.directors.append(scheduler)
        self._scheduler = scheduler
        try:
            yield
        finally:
            self._scheduler = None
            self.directors.remove(scheduler)
            scheduler.open()

    def _record_strike(self, what: What) -> None:
        """Of a run with one fault only the turn that has it is worth an entry; whether it fired is said at the end."""
        if isinstance(what, Scheduled) and what.fault:
            self.record(what)

    def _hold(self, scheduler: Scheduler, ticket: Ticket, gates: Collection[str]) -> None:
        """Make a point of a reply that the fakes hold; the first to be held at a gate is "gate/1", and so on."""
        if ticket.gate in gates:
            number = sum(what.gate == ticket.gate for _, what in self.history().of(ReplyHeld))
            reply = HeldReply(self.fakes, ticket)
            scheduler.hold(f"{ticket.gate}/{number}", (Touch(f"gate:{ticket.gate}", True),), reply)
