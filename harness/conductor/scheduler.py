"""Lets one actor go on at a time: every watched call waits for its turn, and a strategy says whose turn it is.

A decision is made when all actors have settled: each has a call that waits, or has ended, or can get no further by
itself (it sleeps: for a lock, for a reply, until a timer). Then one call runs, and the actor that made it runs on to
its next. So the order of all watched calls is the strategy's, and the trace that is kept repeats it.

What a call has done is known when its actor has settled again: the kernel does not report the end of a call that was
let go. A short sleep is waited for. An actor that sleeps for longer comes back when it likes, and a replay in which
that is another moment says that it has diverged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from harness.conductor import kernel, locks, ports
from harness.conductor.aims import Aimed
from harness.conductor.candidates import Candidates
from harness.conductor.drawn import Drawn
from harness.conductor.glances import Glances
from harness.conductor.lanes import Lanes, Stop, is_point
from harness.conductor.parties import Finishing, Held, Replies, Reply, Trees
from harness.conductor.pauses import Pauses, ancestors
from harness.conductor.probes import Probes, await_reaped
from harness.conductor.releases import Releases
from harness.conductor.stopped import StoppedCall, Where
from harness.conductor.strikes import Strikes, told
from harness.conductor.supervisor import Supervisor
from harness.conductor.underway import LEAVING, Underway
from harness.events import FaultFired, What
from harness.schedules.decisions import Decisions, Fault, FaultKind
from harness.schedules.points import Point, Touch, started
from harness.schedules.strategy import Choice, Strategy
from harness.schedules.trace import Step, Trace

Record = Callable[[What], None]

_SOON = 0.002  # seconds for which the loop waits for the actor that goes on, before it looks after anything else
_LOOKS = 0.001  # seconds between two looks at an actor that has not come back; doubled each time, up to the next
_SELDOM = 0.02
# Rounds of the loop between two looks: by then a fake has accepted, read and held or answered what was sent to it
# before the first, however late the loop comes to it. Who sleeps until then only waits for us.
_ROUNDS = 10
MOST_STEPS = 50_000  # with repeated attempts; a program that goes on for ever is let go then


class Scheduler:
    """A director over the actors that are started while it is in force."""

    def __init__(
        self,
        *,
        fault: str,
        parties: int,
        where: Where,
        root: str,
        strategy: Strategy,
        decisions: Decisions,
        surroundings: Trees,
        record: Record,
        aimed: Aimed | None = None,
    ) -> None:
        """`aimed` says where the one fault of a run strikes that is no replay; else the decisions do, by the point."""
        self.expected: list[str] = []  # actors started under this scheduler, in order
        self.failure: Exception | None = None  # of the strategy: a replay that diverged, or a bug
        self._fault = fault
        self._parties = parties
        self._where = where
        self._root = root
        self._strategy = strategy
        self._surroundings = surroundings
        self._record = record
        self._lanes: dict[str, Lanes] = {}
        self._supervisors: dict[str, Supervisor] = {}
        self._underway = Underway(self._lanes, self._supervisors, surroundings)
        self._strikes = Strikes(  # switches are the strategy's affair
            decisions, aimed, strategy, self._lanes, root, record, self._underway
        )
        self._steps: list[Step] = []
        self._repeated = 0  # attempts, beside the steps
        self._releases = Releases()
        self._glances = Glances(root)
        self._ports = ports.Known()
        self._deciding = False
        self._open = False
        self._drawn = Drawn()
        self._replies = Replies()
        self._pauses = Pauses()
        self._probes = Probes(self._lanes)
        self._candidates = Candidates(self._lanes, self._supervisors, self._replies, self._pauses, self._drawn)
        self._watcher: asyncio.Task[None] | None = None

    @property
    def trace(self) -> Trace:
        return Trace(self._probes.told(self._steps))

    @property
    def struck(self) -> list[Point]:
        """Where a fault took place: the list itself, which grows during the run."""
        return self._strikes.struck

    @property
    def stops(self) -> tuple[Fault, ...]:
        """The faults that the strategy has drawn besides."""
        return tuple(self._strikes.drawn)

    def start(self, actor: str, supervisor: Supervisor) -> None:
        """An actor was started; it runs until it first stops."""
        self.expected.append(actor)
        self._lanes[actor] = Lanes(actor, self._root, self._drawn)
        self._supervisors[actor] = supervisor
        supervisor.when_ended(lambda: self._end(actor))
        self._underway.sets_out(actor)
        if self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(self._keep_looking())

    def take(self, call: StoppedCall) -> bool:
        if self._open or call.actor not in self._lanes:
            return False
        unordered = self._strikes.unordered(call)
        if unordered or not is_point(call, self._where):
            self._candidates.see(call, in_vain=False)
            if self._steps and started(self._steps[-1].chosen.actor) == call.actor:
                self._glances.see(call)
            if self._underway.only_looks(call):
                self._go_on()
            return unordered and self._strikes.without_turn(call)
        self._park(call)
        return True

    def take_name(self, call: StoppedCall) -> bool:
        """A call names a socket otherwise than by a path, or a process. Where no actor has the name it is no point."""
        if self._open or call.actor not in self._lanes or self._strikes.aimed:
            return False
        known = self._ports.take(call) if ports.is_name(call.path) else self._probes.take(call)
        if known:
            self._park(call)
        return known

    def _park(self, call: StoppedCall) -> None:
        """The call waits for its turn."""
        alone = not call.supervisor.plural and self._underway.is_alone(call.actor)
        self._lanes[call.actor].park(call, len(self._steps) if alone else -1)
        self._underway.stops(call.actor, call.thread)
        if call.supervisor.plural:  # another of its threads may still run
            self._underway.sets_out(call.actor)
        self._go_on()

    def hold(self, name: str, touches: tuple[Touch, ...], reply: Reply) -> None:
        """A reply of a fake waits. One that comes after the end, as of a replay that diverged, waits for nobody."""
        if self._open:
            reply.go()
            return
        self._replies.hold(name, touches, reply)
        self._go_on()

    def open(self) -> None:
        """Let everything go, and stop nothing from now on."""
        self._open = True
        self._replies.all_go()
        if self._watcher is not None:
            self._watcher.cancel()
        for lanes in self._lanes.values():
            for lane in lanes:
                for stop in lane.stops:
                    stop.call.go()
        while self._resume():
            pass
        if any(step.contended for step in self._steps):
            self._record(FaultFired(fault=self._fault, detail=f"{len(self._steps)} calls ordered"))

    def finish(self) -> None:
        """Raises what the strategy raised; a replay that ended too early counts as well."""
        if self.failure is not None:
            raise self.failure
        if isinstance(self._strategy, Finishing):
            self._strategy.finish()

    def _end(self, actor: str) -> None:
        """An actor's listener has hung up; what it had open, its locks and its pid may be there for moments yet."""
        for process in self._surroundings.processes(actor):
            kernel.await_end(process, LEAVING)
            await_reaped(process)
        self._go_on()

    # -- decisions --------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Make decisions for as long as all actors have settled and somebody can go on."""
        if self._deciding or self._open:
            return
        self._deciding = True
        try:
            while not self._open and self._settled():
                if self._pauses.over and self._resume():
                    continue
                if ready := self._candidates.find(self._root, len(self._steps)):
                    self._decide(ready)
                elif not (self._try_again() or self._call_off()):
                    looks = self._underway.looks(but=self._pauses.concern) if self._pauses else None
                    if self._pauses.outlasts(looks) or not self._resume():
                        break
                if len(self._steps) + self._repeated >= MOST_STEPS:
                    self.open()
        except Exception as failure:  # noqa: BLE001 - whatever the strategy did, nothing may stay stopped
            self.failure = failure
            self.open()
        finally:
            self._deciding = False

    def _settled(self) -> bool:
        """Whether all have been started, and none is on its way to its next stop."""
        if len(self.expected) < self._parties:
            return False
        if self._underway.anybody() or self._underway.bury():
            return False
        for lanes in self._lanes.values():
            lanes.settle()
        if self._steps and (behind := (*self._releases.found(), *self._glances.found())):
            self._steps[-1] = self._steps[-1].having(behind)
        return True

    def _decide(self, ready: Sequence[Stop | Held]) -> None:
        last = self._steps[-1].chosen if self._steps else None
        enabled = tuple(waiting.point for waiting in ready)
        chosen = self._strategy.choose(Choice(step=len(self._steps), enabled=enabled, last=last))
        self._steps.append(Step(enabled=enabled, chosen=chosen))
        waiting = ready[enabled.index(chosen)]
        fault = self._strikes.at(waiting, paused=bool(self._pauses)) if isinstance(waiting, Stop) else None
        self._record(told(chosen, enabled, fault))
        if isinstance(waiting, Held):
            self._replies.go(waiting)
            self._underway.reply_goes()
        else:
            self._perform(waiting, fault)

    def _try_again(self) -> bool:
        """Where nobody can go on, one repeats an attempt that must fail again. False: there is none.

        That is no step of the schedule: how often somebody tries is a matter of the clock, for who tries for a second.
        """
        stop = self._candidates.in_vain()
        if stop is None:
            return False
        self._repeated += 1
        self._perform(stop, None, again=True)
        return True

    def _call_off(self) -> bool:
        """While somebody is stopped, one that sleeps for a lock learns that its own time limit is over. False: nobody.

        As an attempt that is repeated, that is no step: it follows from the steps before.
        """
        actor = self._underway.pass_limit(self._pauses.longest_limit) if self._pauses else ""
        if actor:
            self._record(FaultFired(fault=self._fault, detail=f"the time is over in which {actor} waits for a lock"))
        return bool(actor)

    def _perform(self, stop: Stop, fault: Fault | None, *, again: bool = False) -> None:
        call, actor = stop.call, stop.call.actor
        self._releases.expect(call, stop.point.touches)
        process, in_vain = call.process, locks.in_vain(call)
        above = ancestors(process, self._underway.processes(actor)) if fault and fault.pauses else frozenset()
        self._candidates.step(stop, in_vain=in_vain, again=again)
        self._pauses.step(stop, in_vain=in_vain)
        self._probes.step(call, again=again)
        self._lanes[actor].take(stop, in_vain=in_vain, again=again)
        self._underway.sets_out(actor)
        self._underway.something_happens()
        if fault is None:
            call.go()
        elif self._strikes.carry_out(call, stop.point, fault):
            self._record(FaultFired(fault=self._fault, detail=f"{fault.what} at {stop.point}"))
            if fault.pauses:
                self._pauses.hold(process, actor, above=above, stalls=fault.kind is FaultKind.STALL)
        call.supervisor.serve(_SOON)

    def _resume(self) -> bool:
        """Let a stopped process go on, as nobody else can, or has tried in vain for long. False: there is none."""
        ended = self._pauses.end_one()
        if ended is None:
            return False
        actor, there = ended
        if there:
            self._underway.sets_out(actor)
        return True

    async def _keep_looking(self) -> None:
        """Strike off actors that have ended or can get no further, and go on once that was all of them."""
        pause, steps = _LOOKS, -1
        while not self._open:
            pause = _LOOKS if len(self._steps) != steps else min(2 * pause, _SELDOM)
            steps = len(self._steps)
            await asyncio.sleep(pause)
            for _ in range(_ROUNDS):
                await asyncio.sleep(0)
            waiting = any(lanes.stopped() for lanes in self._lanes.values()) or bool(self._replies)
            self._underway.strike_off(others_wait=waiting)
            self._go_on()
