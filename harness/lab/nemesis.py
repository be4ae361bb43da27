"""What is done to the target: calls held, ordered or failed, replies kept back, signals.

The half of a lab that a scenario uses to do harm; what a scheduler does of it stands in ordering.py. Commands and their
outcomes are the other half (lab.py), and what both stand on is the stage (stage.py). Everything here does nothing in
the control arm, and says of each fault whether it was planned and whether it took place.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from harness.conductor.contenders import Contenders
from harness.conductor.directors import Barrier, Keeper, Onlooker
from harness.conductor.locks import makes_only
from harness.conductor.stopped import StoppedCall, Where
from harness.events import CallSeen
from harness.lab.actor import Actor
from harness.lab.ageing import age
from harness.lab.gates import Gate
from harness.lab.ordering import Ordering
from harness.lab.ports import Lack
from harness.lab.stage import HOLD_SECONDS
from harness.processes.tree import Stillness

_POLL = 0.005


class Nemesis(Ordering):
    """The faults of one run."""

    lack: Lack | None = None  # what keeps the next connection from being made; see ports.py
    _barrier: Barrier | None = None

    @asynccontextmanager
    async def barrier(self, fault: str, parties: int, where: Where) -> AsyncIterator[None]:
        """Hold each actor started inside at its first matching call, until all are there or can get no further."""
        self.plan(fault)
        if not self.faulty or not self.conducted:
            yield
            self.fired(fault, "all were started at once; system calls are not stopped in this run")
            return
        barrier = Barrier(
            fault=fault, parties=parties, where=where, order=self._shuffled, surroundings=self, record=self.record,
            hold=HOLD_SECONDS,
        )  # fmt: skip
        self.directors.append(barrier)
        self._barrier = barrier
        try:
            yield
        finally:
            self._barrier = None
            barrier.open("the scenario went on")
            self.directors.remove(barrier)

    @asynccontextmanager
    async def onlooker(self, fault: str, where: Where, look: Callable[[], object]) -> AsyncIterator[None]:
        """Look before every matching call of a target; where calls cannot be stopped, look every few milliseconds."""
        self.plan(fault)
        director = Onlooker(where=where, look=lambda _call: look())
        polling = None if self.conducted else asyncio.create_task(self._keep_looking(director, look))
        self.directors.append(director)
        try:
            yield
        finally:
            self.directors.remove(director)
            if polling is not None:
                polling.cancel()
            if director.looks:
                self.fired(fault, f"{director.looks} looks")

    @asynccontextmanager
    async def kept(self, fault: str, where: Where) -> AsyncIterator[Callable[[Actor], Awaitable[None]]]:
        """Keep the first actor that makes a matching call at it until the block ends.

        Inside, what is given waits until this actor is kept, or has ended.
        """
        self.plan(fault)
        keeper = Keeper(fault=fault, where=where, record=self.record)

        async def until_kept(actor: Actor) -> None:
            loop = asyncio.get_running_loop()
            give_up = loop.time() + HOLD_SECONDS
            while self.faulty and not (keeper.actor or actor.exited) and loop.time() < give_up:  # noqa: ASYNC110
                await asyncio.sleep(_POLL)

        if self.faulty:
            self.directors.append(keeper)
        try:
            yield until_kept
        finally:
            if self.faulty:
                self.directors.remove(keeper)
                keeper.open()

    @contextmanager
    def lacking(self, lack: Lack) -> Iterator[None]:
        """Let the first connection that is begun inside fail, as this machine has no port, or descriptor, for it."""
        self.plan(lack.fault)
        self.lack = lack if self.faulty else None
        try:
            yield
        finally:
            self.lack = None

    def aged(self, folder: Path, seconds: float, *, but: Path, every: bool = False) -> None:
        """Let what lies in a folder look seconds older, as after a sleep of the machine; not in the control arm.

        Less than none make it younger, as where it comes from a time when the clock was ahead.

        `but` stays as young as it is: programs remember when they have read it, and compare. Of the times that stand in
        files those are changed that say since when somebody has something, or with `every` all that are of about now.
        """
        if not self.faulty:
            return
        running = self.still_running(list(self.actors))
        pids = None if every else [pid for actor in running for pid in self.processes(actor)]
        for path in folder.rglob("*"):
            if path != but:
                age(path, seconds, pids)

    @contextmanager
    def witnessed(self, where: Where) -> Iterator[None]:
        """Note every matching call, in either arm: no fault, but evidence for a checker. Only where calls stop."""

        def note(call: StoppedCall) -> None:
            only = makes_only(call)
            self.record(CallSeen(actor=call.actor, call=call.kind.name, paths=call.paths, makes_only=only))

        with self._onlooking(lambda call: not call.again and where(call), note):
            yield

    @contextmanager
    def _onlooking(self, where: Where, look: Callable[[StoppedCall], object]) -> Iterator[None]:
        director = Onlooker(where=where, look=look)
        self.directors.insert(0, director)  # before whoever holds the call: it is noted when it comes
        try:
            yield
        finally:
            self.directors.remove(director)

    def hold(self, gate: str) -> None:
        """Keep whatever arrives at this gate of the fakes until `release`; in the control arm the gate stands open."""
        self.plan(f"held at {gate}")
        if not self.faulty:
            self.fakes.release(gate)

    async def reached(self, gate: str, *, parties: int = 1, by: Sequence[Actor] = ()) -> bool:
        """Wait until so many exchanges are held at the gate, or until the actors can get no further.

        One that only asks again and again for what is taken can get no further either: it is never still.
        Raises HeldTooLong when a client gives up on its reply before that; one that fails at once is judged.
        """
        if not self.faulty:
            return False
        stillness, give_up = Stillness(), asyncio.get_running_loop().time() + HOLD_SECONDS
        names, contenders, at = [actor.name for actor in by], Contenders(), Gate(self.fakes, gate)
        with self._onlooking(lambda call: not call.again, contenders.see):
            while at.look() < parties and asyncio.get_running_loop().time() < give_up:
                running = self.still_running(names)
                working = contenders.at_work(running)
                if by and (not running or (at.held and stillness.look(self.progress(working)))):
                    break
                await asyncio.sleep(Stillness.INTERVAL if by else _POLL)
        if at.look():
            self.fired(f"held at {gate}", f"{at.held} held")
        return at.held > 0

    async def stuck(self, actor: Actor, *, among: Where = lambda _call: True) -> None:
        """Wait until an actor has ended, sleeps, or only asks again and again for what is taken.

        Locks are seen where they are watched. Who polls for one may take another each time, as SQLite does, so that it
        never seems to wait: then only calls `among` those that match are looked at.
        """
        contenders = Contenders()
        with self._onlooking(lambda call: not call.again and among(call), contenders.see):
            await self._get_no_further([actor], contenders.at_work)

    def release(self, gate: str) -> None:
        """Let go of everything at the gate, and of all that comes."""
        self.fakes.release(gate)

    def signal(self, actor: Actor, number: signal.Signals, *, to: str = "process") -> None:
        """Signal an actor: a fault that fires if the actor was still there."""
        fault = f"{number.name} to the {to} of {actor.name}"
        self.plan(fault)
        if self.faulty and actor.signal(number, to=to):
            self.fired(fault)

    def _shuffled(self, calls: list[StoppedCall]) -> list[StoppedCall]:
        ordered = sorted(calls, key=lambda call: call.actor)
        self.chance.shuffle(ordered)
        return ordered

    async def _keep_looking(self, onlooker: Onlooker, look: Callable[[], object]) -> None:
        while True:
            onlooker.looks += 1
            look()
            await asyncio.sleep(_POLL)
