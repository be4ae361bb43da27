"""What may be done with a stopped call: watched, kept, or gathered at a barrier.

Each director is one policy. None of them sleeps: they are told of calls by the supervisor, and of the rest of the
world by `Surroundings`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from harness.conductor.contenders import Contenders
from harness.conductor.stopped import StoppedCall, Where
from harness.events import CallHeld, CallReleased, FaultFired, What
from harness.processes.tree import Progress, Stillness

Record = Callable[[What], None]


class Surroundings(Protocol):
    """What a barrier must know of the actors that have not reached it."""

    def still_running(self, actors: Sequence[str]) -> Sequence[str]:
        """Those of them that have not exited."""
        ...

    def progress(self, actors: Sequence[str]) -> Progress: ...


class Barrier:
    """Holds every actor's first matching call until all have arrived, or until the rest can get no further.

    An orchestrator that takes a lock lets one actor arrive while the others wait for that lock; holding on would then
    test nothing but patience. So the barrier also opens when every other actor has exited, or asks again and again for
    what somebody has, or sleeps without having used any CPU time over twelve looks in a row, or after `hold` seconds.
    Once open it stays open. Held renames are carried out one after the other in the plan's order, so that the order of
    their effects is known.
    """

    def __init__(
        self,
        *,
        fault: str,
        parties: int,
        where: Where,
        order: Callable[[list[StoppedCall]], list[StoppedCall]],
        surroundings: Surroundings,
        record: Record,
        hold: float,
    ) -> None:
        self.expected: list[str] = []  # actors started under this barrier, in order
        self._fault = fault
        self._parties = parties
        self._where = where
        self._order = order
        self._surroundings = surroundings
        self._record = record
        self._hold = hold
        self._held: dict[int, StoppedCall] = {}  # by thread: an actor may have several
        self._contenders = Contenders()
        self._opened = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None

    def take(self, call: StoppedCall) -> bool:
        if self._opened.is_set() or call.actor not in self.expected:
            return False
        if not self._where(call):
            self._contenders.see(call)
            return False
        self._held[call.thread] = call  # a call interrupted by a signal is asked again: the newest one counts
        if not call.again:
            self._record(CallHeld(actor=call.actor, call=call.kind.name, path=call.path, index=call.index))
        if len(self._arrived()) >= self._parties:
            self.open("barrier")
        elif self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(self._watch())
        return True

    def open(self, why: str) -> None:
        """Release what is held, in the plan's order. Without anything held the fault has not fired."""
        if self._opened.is_set():
            return
        self._opened.set()
        if self._watcher is not None:
            self._watcher.cancel()
        held = list(self._held.values())
        try:
            if held:
                detail = f"{len(held)} held ({', '.join(self._arrived())}); opened: {why}"
                self._record(FaultFired(fault=self._fault, detail=detail))
            for call in self._order(held):
                self._record(
                    CallReleased(actor=call.actor, call=call.kind.name, path=call.path, index=call.index, why=why)
                )
                call.perform()
        finally:
            for call in held:  # nothing to do, unless something above has failed
                call.go()

    def _arrived(self) -> list[str]:
        """The actors that have a held call, in the order of their arrival."""
        return list(dict.fromkeys(call.actor for call in self._held.values()))

    async def _watch(self) -> None:
        try:
            why = await self._reason()
            self.open(why)
        except Exception as failure:  # noqa: BLE001 - nobody awaits this task, and what is held must not stay held
            next(iter(self._held.values())).supervisor.report(failure)
            self.open("the harness failed")

    async def _reason(self) -> str:
        """Wait until the barrier has to open although not all are there; why."""
        stillness, give_up = Stillness(), asyncio.get_running_loop().time() + self._hold
        while asyncio.get_running_loop().time() < give_up:
            if len(self.expected) >= self._parties:  # all have been started
                arrived = self._arrived()
                others = self._surroundings.still_running([a for a in self.expected if a not in arrived])
                if not others:
                    return "the others have ended"
                working = self._contenders.at_work(others)
                if not working or stillness.look(self._surroundings.progress(working)):
                    return "the others can get no further"
            await asyncio.sleep(Stillness.INTERVAL)
        return "time-out"


class Onlooker:
    """Looks at the world before each matching call, without holding it: a reader wherever a write stands."""

    def __init__(self, *, where: Where, look: Callable[[StoppedCall], object]) -> None:
        self._where = where
        self._look = look
        self.looks = 0

    def take(self, call: StoppedCall) -> bool:
        if self._where(call):
            self.looks += 1
            self._look(call)
        return False


class Keeper:
    """Keeps the first actor that makes a matching call at it, with whatever it holds by then, until `open`."""

    def __init__(self, *, fault: str, where: Where, record: Record) -> None:
        self.actor = ""  # who is kept; empty before anybody is
        self._fault = fault
        self._where = where
        self._record = record
        self._held: dict[int, StoppedCall] = {}  # by thread
        self._opened = False

    def take(self, call: StoppedCall) -> bool:
        if self._opened or self.actor not in ("", call.actor) or not self._where(call):
            return False
        self._held[call.thread] = call  # a call interrupted by a signal is asked again: the newest one counts
        if not self.actor:
            self.actor = call.actor
            self._record(CallHeld(actor=call.actor, call=call.kind.name, path=call.path, index=call.index))
            self._record(FaultFired(fault=self._fault, detail=f"{call.actor} is kept"))
        return True

    def open(self) -> None:
        """Let go of what is kept, and of all that comes."""
        self._opened = True
        for call in self._held.values():
            self._record(
                CallReleased(
                    actor=call.actor, call=call.kind.name, path=call.path, index=call.index, why="the scenario went on"
                )
            )
            call.go()
