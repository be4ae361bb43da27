"""Carries out an order that the catalog declares, and so proves that a seeded bug is real.

An order is a list of steps. Exactly one actor runs in each step, and it runs until
    "a:rename state.json"   it arrives at such a call, which then waits (the call's name without -at, -at2 or 64)
    "a:#3"                  it arrives at its call number 3, counted from 0
    "a:~"                   it can get no further, because the kernel makes it wait for a lock
    "a:*"                   its end
    "a:!"                   and here it does not run, but is killed where it stands, with all its processes
An actor starts at its first step. Between its steps it stands still at a call on the shared folder, or in the kernel.
This is no scheduler: it knows one order, looks for nothing, and fails when the order cannot be carried out.
"""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.corpus.catalog import CorpusError, Program, Twin
from bench.corpus.judge import Ending, judge
from bench.corpus.materials import ActorCommand, materialise
from bench.corpus.plain import ENVIRONMENT
from harness.conductor.calls import Family
from harness.conductor.filter import program as filter_program
from harness.conductor.seal import Seal
from harness.conductor.stopped import StoppedCall
from harness.conductor.supervisor import Supervisor
from harness.processes import tree
from harness.processes.client import LauncherClient, Process
from harness.processes.client import Program as Start
from harness.processes.tree import Stillness

_PATIENCE = 30.0  # seconds for one step
_FILTER = filter_program(frozenset(Family) - {Family.NETWORK})
END, BLOCKED, KILL = "*", "~", "!"


class OrderError(CorpusError):
    """The declared order could not be carried out, so nothing is known of the bug."""


@dataclass(slots=True, eq=False)
class _Running:
    """An actor that was started: what it is to stop at, and the call at which it stands."""

    label: str
    folder: Path
    process: Process
    goal: str
    supervisor: Supervisor | None = None
    held: list[StoppedCall] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, call: StoppedCall) -> bool:
        """Keep the call when it is the one to stop at, or when this actor is to stand still."""
        if call.actor != self.label or self.goal == END:
            return False
        if not self.arrived.is_set() and (self.goal == BLOCKED or not matches(call, self.goal, self.folder)):
            return False
        self.held.append(call)
        self.arrived.set()
        return True

    def go_on(self, goal: str) -> None:
        self.goal = goal
        self.arrived.clear()
        held, self.held = self.held, []
        if goal == KILL:
            self.process.signal(signal.SIGKILL)  # first, or it would see its child die and go on
        for call in held:
            if goal == KILL:
                call.kill()
            call.go()


class Order:
    """One run of one program in one declared order, on the running loop."""

    def __init__(self, program: Program, folder: Path, commands: tuple[ActorCommand, ...], launcher: LauncherClient):
        self._program = program
        self._folder = folder
        self._commands = {command.label: command for command in commands}
        self._launcher = launcher
        self._running: dict[str, _Running] = {}
        self._failures: list[BaseException] = []

    async def carry_out(self, steps: tuple[str, ...]) -> Mapping[str, Ending]:
        """Take the steps; who never got one runs at the end. Raises OrderError."""
        ended = {step.partition(":")[0] for step in steps if step.endswith((f":{END}", f":{KILL}"))}
        rest = tuple(f"{label}:{END}" for label in self._commands if label not in ended)
        try:
            for step in (*steps, *rest):
                await self._step(step)
        finally:
            await self._launcher.sweep()
            for running in self._running.values():
                if running.supervisor is not None:
                    running.supervisor.close()
                running.process.close()
        if self._failures:
            raise OrderError(f"{self._program.name}: the conductor failed: {self._failures[0]!r}")
        return {label: await self._ending(running) for label, running in self._running.items()}

    async def _step(self, step: str) -> None:
        label, _, goal = step.partition(":")
        running = self._running.get(label)
        if running is None:
            running = self._running[label] = await self._start(label, goal)
        else:
            running.go_on(goal)
        try:
            reached = await asyncio.wait_for(self._reached(running), _PATIENCE)
        except TimeoutError:
            reached = False
        if not reached:
            state = "it has ended" if running.process.exited.done() else "it still runs"
            raise OrderError(f"{self._program.name}: {label} did not get as far as {step!r} ({state})")

    async def _reached(self, running: _Running) -> bool:
        if running.goal in (END, KILL):
            await running.process.exited
            return True
        if running.goal == BLOCKED:
            return await self._blocked(running)
        arrival = asyncio.ensure_future(running.arrived.wait())
        either: tuple[asyncio.Future[Any], ...] = (arrival, running.process.exited)
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        arrival.cancel()
        return running.arrived.is_set()

    async def _blocked(self, running: _Running) -> bool:
        """Wait until it sleeps in the kernel; False when it ended instead."""
        stillness = Stillness()
        while not running.process.exited.done():
            if stillness.look(tree.progress(tree.family({running.process.pid}))):
                running.arrived.set()  # from here on any call of it waits
                return True
            await asyncio.sleep(Stillness.INTERVAL)
        return False

    async def _start(self, label: str, goal: str) -> _Running:
        out, err = self._stream(label, "out"), self._stream(label, "err")
        started = await self._launcher.spawn(
            Start(
                argv=self._commands[label].argv, env=ENVIRONMENT, cwd=str(self._folder), stdout=str(out),
                stderr=str(err), filter=_FILTER,
            )
        )  # fmt: skip
        if started.listener is None:
            raise OrderError(f"{self._program.name}: {label} cannot be stopped: {started.refusal}")
        running = _Running(label, self._folder, started, goal)
        running.supervisor = Supervisor(
            actor=label, listener=started.listener, root=str(self._folder), directors=(running,),
            seal=Seal(lambda _actor, _address: None), on_fault=self._failures.append,
        )  # fmt: skip
        return running

    async def _ending(self, running: _Running) -> Ending:
        output, errors = (self._stream(running.label, name).read_text(errors="replace") for name in ("out", "err"))
        return Ending(status=await running.process.exited, output=output, errors=errors)

    def _stream(self, label: str, name: str) -> Path:
        """Where an actor's words go: beside the shared folder, so that they are no events."""
        return self._folder.with_name(f"{label}.{name}")


def matches(call: StoppedCall, goal: str, folder: Path) -> bool:
    """Whether the call is the one that a step names: "rename state.json", "open tmp-*", "#3"."""
    if goal.startswith("#"):
        return call.index == int(goal[1:])
    word, _, pattern = goal.partition(" ")
    names = [Path(path).relative_to(folder).as_posix() for path in call.paths if Path(path).is_relative_to(folder)]
    return _stem(call.kind.name) == _stem(word) and any(fnmatchcase(name, pattern) for name in names)


def _stem(call: str) -> str:
    return re.sub(r"(at2?|64)$", "", call)


class Prover:
    """Carries out orders under one launcher, from a program that has no loop of its own."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._runner = asyncio.Runner()
        self._launcher = LauncherClient.start()
        self._launcher.attach(self._runner.get_loop())

    def __enter__(self) -> Prover:
        return self

    def __exit__(self, *_failure: object) -> None:
        self._launcher.stop()
        self._runner.close()

    def judged(self, program: Program, twin: Twin, steps: tuple[str, ...]) -> str | None:
        """Run the twin in this order and judge it. Raises OrderError when the order cannot be carried out."""
        with TemporaryDirectory(prefix="pileup-corpus-") as root:
            folder = Path(root).resolve() / "shared"
            folder.mkdir()
            commands = materialise(program, twin, folder, cache=self._cache)
            order = Order(program, folder, commands, self._launcher)
            return judge(program, folder, self._runner.run(order.carry_out(steps)))
