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

from harness.conductor import calls, kernel, locks
from harness.conductor.aims import Aimed
from harness.conductor.drawn import Drawn
from harness.conductor.faults import fits, strike
from harness.conductor.lanes import Lanes, Stop, is_point
from harness.conductor.lookers import Lookers
from harness.conductor.makers import Makers
from harness.conductor.nappers import Nappers
from harness.conductor.parties import Finishing, Held, Replies, Reply, Trees
from harness.conductor.pauses import Pauses
from harness.conductor.releases import Releases
from harness.conductor.stopped import StoppedCall, Where
from harness.conductor.supervisor import Supervisor
from harness.conductor.touching import touches
from harness.events import FaultFired, Scheduled, What
from harness.processes.quiet import Quiet
from harness.schedules.decisions import Decisions, Fault
from harness.schedules.points import Point, Touch, named
from harness.schedules.strategy import Choice, Stopping, Strategy
from harness.schedules.trace import Step, Trace

Record = Callable[[What], None]

_SOON = 0.002  # seconds for which the loop waits for the actor that goes on, before it looks after anything else
_LOOKS = 0.001  # seconds between two looks at an actor that has not come back; doubled each time, up to the next
_SELDOM = 0.02
# Rounds of the loop between two looks: by then a fake has accepted, read and held or answered what was sent to it
# before the first, however late the loop comes to it. Who sleeps until then only waits for us.
_ROUNDS = 10
_ASLEEP = 1.0  # seconds for which a sleeping actor is waited for, before an attempt is repeated that must fail again
# Seconds of its own after which an actor that neither stops nor sleeps is not waited for: it may be trying again and
# again to have what another one holds, by calls that are not watched. When it stops after all, it waits as ever.
_BUSY = 10.0
_LEAVING = 1.0  # seconds: the most that an end takes in the kernel, which waits for nobody there
MOST_STEPS = 50_000  # a program that goes on for ever is let go then


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
        self.struck: list[Point] = []  # where a fault took place
        self.stops: list[Fault] = []  # those that the strategy has drawn
        self.failure: Exception | None = None  # of the strategy: a replay that diverged, or a bug
        self._fault = fault
        self._parties = parties
        self._where = where
        self._root = root
        self._strategy = strategy
        self._decisions = decisions  # whose faults strike; its switches are the strategy's affair
        self._surroundings = surroundings
        self._record = record
        self._aimed = aimed
        self._lanes: dict[str, Lanes] = {}
        self._supervisors: dict[str, Supervisor] = {}
        self._running: dict[str, Quiet] = {}  # actors that have neither stopped nor ended nor fallen quiet
        self._asleep: dict[str, Quiet] = {}  # those that were struck off from there without having stopped
        self._steps: list[Step] = []
        self._releases = Releases()
        self._deciding = False
        self._open = False
        self._lookers = Lookers()
        self._makers = Makers()
        self._nappers = Nappers()
        self._drawn = Drawn()
        self._replies = Replies()
        self._pauses = Pauses()
        self._asleep_since: float | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def trace(self) -> Trace:
        return Trace(tuple(self._steps))

    def start(self, actor: str, supervisor: Supervisor) -> None:
        """An actor was started; it runs until it first stops."""
        self.expected.append(actor)
        self._lanes[actor] = Lanes(actor, self._root, self._drawn)
        self._supervisors[actor] = supervisor
        supervisor.when_ended(lambda: self._end(actor))
        self._on_its_way(actor)
        if self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(self._keep_looking())

    def take(self, call: StoppedCall) -> bool:
        if self._open or call.actor not in self._lanes:
            return False
        unordered = self._aimed is not None and not call.again and self._aimed.unordered(call)
        if unordered or not is_point(call, self._where):
            self._makers.see(call, in_vain=False)
            self._look_after(call)
            return unordered and self._strike(call)
        alone = not call.supervisor.plural and self._running.keys() == {call.actor}  # nobody changes anything meanwhile
        self._lanes[call.actor].park(call, len(self._steps) if alone else -1)
        self._nappers.stops(call.actor)
        self._running.pop(call.actor, None)
        self._asleep.pop(call.actor, None)
        if call.supervisor.plural:  # another of its threads may still run
            self._on_its_way(call.actor)
        self._go_on()
        return True

    def _strike(self, call: StoppedCall) -> bool:
        """The fault strikes at a call without a turn, if it is meant. False: nobody has released it."""
        fault = self._aimed.at(call, call.actor) if self._aimed else None
        if fault is None:
            return False
        point = Point(actor=call.actor, index=call.index, call=call.kind.name, touches=touches(call, self._root))
        self._record(_told(point, (), fault))
        if strike(call, fault):
            self.struck.append(point)
        return True

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
        """An actor's listener has hung up; what it had open, and its locks, may be there for some moments yet."""
        for process in self._surroundings.processes(actor):
            kernel.await_end(process, _LEAVING)
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
                if ready := self._ready():
                    self._decide(ready)
                elif not self._resume():
                    break
        except Exception as failure:  # noqa: BLE001 - whatever the strategy did, nothing may stay stopped
            self.failure = failure
            self.open()
        finally:
            self._deciding = False

    def _settled(self) -> bool:
        """Whether all have been started, and none is on its way to its next stop."""
        if len(self.expected) < self._parties:
            return False
        self._awaken()
        for actor in list(self._running):
            if self._supervisors[actor].ended.is_set() or self._looks_quiet(actor):
                del self._running[actor]
        if self._running:
            return False
        for lanes in self._lanes.values():
            lanes.settle()
        if self._steps and (released := self._releases.found()):
            self._steps[-1] = self._steps[-1].having(released)
        return True

    def _awaken(self) -> None:
        """Whom the last step has woken up, by a pipe, a signal, a futex, is on its way again before anybody goes on."""
        for actor, quiet in list(self._asleep.items()):
            processes = self._processes(actor)
            if self._supervisors[actor].unheard() or (quiet.awake(processes) and not self._looks_only(actor, quiet)):
                self._running[actor] = self._asleep.pop(actor)

    def _looks_only(self, actor: str, quiet: Quiet) -> bool:
        """Whether an actor that is awake has been so for long, or is one that wakes up by itself to look."""
        return actor in self._nappers or quiet.lasts(_BUSY, self._processes(actor))

    def _looks_quiet(self, actor: str) -> bool:
        """Whether an actor that has a stopped call, and more than one thread, has nothing else going on.

        Two looks tell at once, but for one that may have sent something to a fake: `_keep_looking` gives that its time.
        """
        if self._supervisors[actor].converses:
            return False
        quiet, processes, stopped = self._running[actor], self._processes(actor), self._lanes[actor].threads()
        if not (stopped and any(quiet.look(processes, stopped=stopped, awaken=False) for _ in range(2))):
            return False
        # One that was born before the looks and after the list was made was not looked at.
        return not self._supervisors[actor].unheard() and self._processes(actor) <= processes

    def _ready(self) -> list[Stop | Held]:
        """Whose turn it can be: at most one stop a lane. Attempts in vain, or to sleep, only in the last resort."""
        lanes = [lane for lanes in self._lanes.values() for lane in lanes]
        replies = self._replies.waiting()
        stops = [stop for lane in lanes if (stop := lane.ready(self._makers))]
        if not stops and not replies and self._nobody_comes():
            stops = [stop for lane in lanes if (stop := lane.retries())]
            stops = stops or [stop for lane in lanes if (stop := lane.sleeper())]
        if stops:
            self._asleep_since = None
        for stop in stops:
            stop.look_again(self._root, len(self._steps), self._drawn)
        return sorted([*stops, *replies], key=lambda waiting: waiting.point.actor)

    def _nobody_comes(self) -> bool:
        """Whether every living actor waits for its turn, or those that sleep have slept for long."""
        alive = [actor for actor, supervisor in self._supervisors.items() if not supervisor.ended.is_set()]
        if all(self._lanes[actor].helpless() or self._pauses.concern(actor) for actor in alive):
            return True
        now = asyncio.get_running_loop().time()
        self._asleep_since = self._asleep_since or now
        return now - self._asleep_since > _ASLEEP

    def _decide(self, ready: Sequence[Stop | Held]) -> None:
        last = self._steps[-1].chosen if self._steps else None
        enabled = tuple(waiting.point for waiting in ready)
        chosen = self._strategy.choose(Choice(step=len(self._steps), enabled=enabled, last=last))
        self._steps.append(Step(enabled=enabled, chosen=chosen))
        waiting = ready[enabled.index(chosen)]
        fault = self._fault_at(waiting)
        self._record(_told(chosen, enabled, fault))
        if isinstance(waiting, Held):
            self._reply(waiting)
        else:
            self._perform(waiting, fault)
        if len(self._steps) >= MOST_STEPS:
            self.open()

    def _fault_at(self, waiting: Stop | Held) -> Fault | None:
        """The fault that strikes at this point. A reply has none."""
        if not isinstance(waiting, Stop):
            return None
        if self._aimed is not None:
            return self._aimed.at(waiting.call, waiting.point.actor)
        fault = self._decisions.fault_at(waiting.point) or self._stop_at(waiting)
        return fault if fault is not None and fits(waiting.call, fault) else None

    def _stop_at(self, stop: Stop) -> Fault | None:
        """The stop that the strategy draws, if it does: of who takes or has what another one may ask for in vain."""
        if not isinstance(self._strategy, Stopping) or self._pauses:
            return None
        if not (locks.takes(stop.call) or self._others_ask_in_vain(stop)) or not self._strategy.stops():
            return None
        fault = Fault(stop.point.actor, stop.point.index, "SIGSTOP")
        self.stops.append(fault)
        return fault

    def _others_ask_in_vain(self, stop: Stop) -> bool:
        others = (lanes for actor, lanes in self._lanes.items() if actor != stop.call.actor)
        return any(lane.retries() or lane.sleeper() for lanes in others for lane in lanes)

    def _reply(self, held: Held) -> None:
        """Let a reply go. Whom it concerns is seen by who wakes up: one of those that sleep."""
        self._replies.go(held)
        for actor, lanes in self._lanes.items():
            if not lanes.stopped() and not self._supervisors[actor].ended.is_set():
                self._on_its_way(actor)

    def _perform(self, stop: Stop, fault: Fault | None) -> None:
        call, actor = stop.call, stop.call.actor
        self._releases.expect(call, stop.point.touches)
        process, in_vain = call.process, locks.in_vain(call)
        self._makers.see(call, in_vain=in_vain)
        self._pauses.step(in_vain=in_vain)
        self._lanes[actor].take(stop, in_vain=in_vain)
        self._lookers.something_happens()
        self._on_its_way(actor)
        self._let_look_again()
        if fault is None:
            call.go()
        elif strike(call, fault):
            self.struck.append(stop.point)
            self._record(FaultFired(fault=self._fault, detail=f"{fault.what} at {stop.point}"))
            if fault.what == "SIGSTOP":
                self._pauses.hold(process, actor)
        call.supervisor.serve(_SOON)

    def _let_look_again(self) -> None:
        """Who sleeps and looks in turns may find what it waits for after this step, and is on its way then."""
        for actor in list(self._asleep):
            if self._nappers.something_happens(actor, self._processes(actor)):
                self._on_its_way(actor)

    def _look_after(self, call: StoppedCall) -> None:
        """Do not wait for an actor that goes on without a point, but only to see whether another has made way."""
        if self._lookers.see(call) and call.actor in self._running:
            quiet = self._running.pop(call.actor)
            if not self._lanes[call.actor].stopped():
                self._asleep[call.actor] = quiet
            self._go_on()

    def _resume(self) -> bool:
        """Let a stopped process go on, as nobody else can, or has tried in vain for long. False: there is none."""
        ended = self._pauses.end_one()
        if ended is None:
            return False
        actor, there = ended
        if there:
            self._on_its_way(actor)
        return True

    # -- actors that do not come back at once --------------------------------------------------------------------

    async def _keep_looking(self) -> None:
        """Strike off actors that have ended or can get no further, and go on once that was all of them."""
        pause, steps = _LOOKS, -1
        while not self._open:
            pause = _LOOKS if len(self._steps) != steps else min(2 * pause, _SELDOM)
            steps = len(self._steps)
            await asyncio.sleep(pause)
            for _ in range(_ROUNDS):
                await asyncio.sleep(0)
            for actor, quiet in list(self._running.items()):
                ended = self._supervisors[actor].ended.is_set()
                if ended or self._gets_no_further(actor, quiet):
                    del self._running[actor]
                    if not (ended or self._lanes[actor].stopped()):
                        self._asleep[actor] = quiet
            self._go_on()

    def _gets_no_further(self, actor: str, quiet: Quiet) -> bool:
        """Whether an actor sleeps, or was busy for so long that it may need what one of those has who wait."""
        processes = self._processes(actor)
        if quiet.look(processes, stopped=self._lanes[actor].threads()):
            return not self._supervisors[actor].unheard()
        if self._nappers.found(actor, quiet, processes):
            return not self._supervisors[actor].unheard()
        waiting = any(lanes.stopped() for lanes in self._lanes.values()) or bool(self._replies)
        return waiting and quiet.lasts(_BUSY, processes)

    def _processes(self, actor: str) -> frozenset[int]:
        return self._surroundings.processes(actor) | self._lanes[actor].processes()

    def _on_its_way(self, actor: str) -> None:
        self._running[actor] = Quiet(calls.read_memory)
        self._asleep.pop(actor, None)


def _told(chosen: Point, enabled: Sequence[Point], fault: Fault | None) -> Scheduled:
    touches = named(chosen.touches)
    return Scheduled(
        actor=chosen.actor,
        index=chosen.index,
        call=chosen.call,
        reads=tuple(touch.object for touch in touches if not touch.writes),
        writes=tuple(touch.object for touch in touches if touch.writes),
        others=tuple(point.actor for point in enabled if point != chosen),
        fault=fault.what if fault else "",
    )
