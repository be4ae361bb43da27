"""Runs one program of the corpus once: in the order that a strategy says, or as the machine will have it.

Every arm of a comparison starts its actors from here, so that none pays for what another is spared. What a run costs
is the processor time of the whole tree, in seconds, without cgroups: the harness's own (process_time, all threads), the
launcher's (its CPU clock: clock_getcpuclockid(3)), and each actor's with all descendants that were waited for (wait4(2)
in the launcher, which tells it with the exit). All three count nanoseconds or microseconds, where the ticks of
/proc/PID/stat are longer than most of these runs. Not counted: a descendant that outlives its parent.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar

from bench.corpus.catalog import CorpusError, Language, Need, Program, Twin
from bench.corpus.judge import Ending, judge
from bench.corpus.materials import ActorCommand, materialise
from bench.corpus.plain import ENVIRONMENT, PATIENCE
from harness.conductor.calls import Family
from harness.conductor.filter import program as filter_program
from harness.conductor.scheduler import Scheduler
from harness.conductor.seal import Seal
from harness.conductor.stopped import Director
from harness.conductor.supervisor import Supervisor
from harness.processes import tree
from harness.processes.client import LauncherClient, Process
from harness.processes.client import Program as Start
from harness.schedules.decisions import Decisions, Fault
from harness.schedules.strategy import Strategy
from harness.schedules.trace import Trace

# Starts, locks and forks as well.
CHANGES = frozenset(Family) - {Family.READ, Family.LOOK, Family.LOOKUP, Family.MAP}
_FAST = Path("/dev/shm")  # files in memory, where the machine has such a folder: no arm waits for a disk
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of one run."""

    violation: str | None  # of a run that was not disturbed
    cpu: float  # seconds of processor time of the whole tree
    trace: Trace  # empty without a schedule
    stops: tuple[Fault, ...] = ()  # that its strategy has drawn


class Disturbance(Protocol):
    """What is done to actors that no conductor holds."""

    async def __call__(self, number: int, start: Coroutine[Any, Any, Process]) -> Process:
        """Start the actor of that number, sooner or later, and do to it what is to be done."""
        ...


@dataclass(slots=True, eq=False)
class _Run:
    """One run under way."""

    program: Program
    folder: Path
    commands: tuple[ActorCommand, ...]
    processes: dict[str, Process] = field(default_factory=dict)
    supervisors: dict[str, Supervisor] = field(default_factory=dict)
    directors: list[Director] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    stops: tuple[Fault, ...] = ()

    def alive(self, actor: str) -> frozenset[int]:
        """All processes of an actor that live."""
        pid = self.processes[actor].pid
        return tree.family({pid}) if self.supervisors[actor].plural else frozenset({pid})

    def stream(self, label: str, name: str) -> Path:
        """Where an actor's words go: beside the shared folder, so that they are no events."""
        return self.folder.with_name(f"{label}.{name}")

    def disturbed(self) -> bool:
        """Whether a violation may be the doing of our stopping its calls (see harness/undisturbed.py)."""
        return any(supervisor.withdrawn for supervisor in self.supervisors.values())

    def endings(self) -> dict[str, Ending]:
        return {label: self._ending(label, process) for label, process in self.processes.items()}

    def _ending(self, label: str, process: Process) -> Ending:
        output, errors = (self.stream(label, name).read_text(errors="replace") for name in ("out", "err"))
        return Ending(status=process.exited.result(), output=output, errors=errors)


class _Around:
    """What a scheduler asks of its surroundings."""

    def __init__(self, run: _Run) -> None:
        self._run = run

    def processes(self, actor: str) -> frozenset[int]:
        return self._run.alive(actor)


class Arena:
    """One launcher, one loop and one folder, for any number of runs one after the other.

    What is compiled lies in `cache`, which is removed at the end, as the folder is.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._runner = asyncio.Runner()
        self._launcher = LauncherClient.start()
        self._launcher.attach(self._runner.get_loop())
        self._root = TemporaryDirectory(prefix="pileup-arena-", dir=_FAST if _FAST.is_dir() else None)
        self._numbers = itertools.count()
        self._launcher.guard([Path(self._root.name), cache])  # they go even if we are killed

    def __enter__(self) -> Arena:
        return self

    def __exit__(self, *_failure: object) -> None:
        self._launcher.stop()
        self._runner.close()
        self._root.cleanup()

    def scheduled(self, program: Program, twin: Twin, strategy: Strategy, decisions: Decisions | None = None) -> Ran:
        """Run it in the strategy's order, without actors that are absent. Raises what the strategy raises."""
        decisions = decisions or Decisions()
        return self._measured(lambda run: self._conducted(run, strategy, decisions), program, twin, decisions.absent)

    def left_alone(
        self,
        program: Program,
        twin: Twin,
        *,
        forked: bool = True,
        disturb: Disturbance | None = None,
        before: Sequence[Sequence[str]] = (),
    ) -> Ran:
        """Run it without a conductor; `before` are words before each actor's command line, which needs an exec."""

        async def body(run: _Run) -> Trace:
            await self._start_all(run, forked=forked, disturb=disturb, before=before)
            await self._all_ended(run)
            return Trace(())

        return self._measured(body, program, twin, frozenset())

    # -- one run ------------------------------------------------------------------------------------------------------

    def _measured(self, body: Any, program: Program, twin: Twin, absent: frozenset[str]) -> Ran:
        base = Path(self._root.name).resolve() / str(next(self._numbers))
        folder = base / "shared"
        folder.mkdir(parents=True)
        before = self._own_cpu()
        try:
            commands = materialise(program, twin, folder, cache=self._cache)
            run = _Run(program, folder, tuple(command for command in commands if command.label not in absent))
            trace = self._complete(self._cleanly(run, body(run)))
            violation = None if run.disturbed() else judge(program, folder, run.endings())
            children = sum(process.cpu for process in run.processes.values())
        finally:
            shutil.rmtree(base, ignore_errors=True)
        return Ran(violation=violation, cpu=self._own_cpu() - before + children, trace=trace, stops=run.stops)

    def _complete(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end; an interrupt clears away what is under way. (asyncio.Runner.run costs a millisecond.)"""
        loop = self._runner.get_loop()
        task = loop.create_task(work)
        try:
            return loop.run_until_complete(task)
        finally:
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    loop.run_until_complete(task)

    async def _cleanly(self, run: _Run, body: Coroutine[Any, Any, T]) -> T:
        """Nothing is left of a run, whatever became of it."""
        ended = False
        try:
            async with asyncio.timeout(PATIENCE):
                result = await body
            ended = True
        except TimeoutError:
            raise CorpusError(f"{run.program.name}: an actor did not end within {PATIENCE:g} s") from None
        finally:
            if not ended or any(supervisor.plural for supervisor in run.supervisors.values()):
                await self._launcher.sweep()
            for supervisor in run.supervisors.values():
                supervisor.close()
            for process in run.processes.values():
                process.close()
        if run.failures:
            raise CorpusError(f"{run.program.name}: the conductor failed: {run.failures[0]!r}")
        return result

    async def _conducted(self, run: _Run, strategy: Strategy, decisions: Decisions) -> Trace:
        scheduler = Scheduler(
            fault="scheduled", parties=len(run.commands), where=lambda call: True, root=str(run.folder),
            strategy=strategy, decisions=decisions, surroundings=_Around(run), record=lambda what: None,
        )  # fmt: skip
        run.directors.append(scheduler)
        families = CHANGES | {Family.READ} | ({Family.LOOK} if Need.READ in run.program.needs else set())
        try:
            for command in run.commands:
                await self._start_stopping(run, command, families, scheduler)
            await self._all_ended(run)
            await asyncio.gather(*(supervisor.ended.wait() for supervisor in run.supervisors.values()))
        finally:
            scheduler.open()
            run.stops = scheduler.stops
        scheduler.finish()
        return scheduler.trace

    async def _start_stopping(
        self, run: _Run, command: ActorCommand, families: frozenset[Family], scheduler: Scheduler
    ) -> None:
        process = await self._launcher.spawn(self._start(run, command, _filter(families)))
        run.processes[command.label] = process
        if process.listener is None:
            raise CorpusError(f"{run.program.name}: {command.label} cannot be stopped: {process.refusal}")
        run.supervisors[command.label] = Supervisor(
            actor=command.label, listener=process.listener, root=str(run.folder), directors=run.directors,
            seal=Seal(lambda _actor, _address: None), on_fault=run.failures.append, families=families,
        )  # fmt: skip
        scheduler.start(command.label, run.supervisors[command.label])

    async def _start_all(
        self, run: _Run, *, forked: bool, disturb: Disturbance | None, before: Sequence[Sequence[str]]
    ) -> None:
        async def start(number: int, command: ActorCommand) -> None:
            words = tuple(before[number]) if before else ()
            spawn = self._launcher.spawn(self._start(run, command, None, forked=forked and not words, before=words))
            run.processes[command.label] = await (disturb(number, spawn) if disturb else spawn)

        await asyncio.gather(*(start(number, command) for number, command in enumerate(run.commands)))

    async def _all_ended(self, run: _Run) -> None:
        for process in run.processes.values():
            await process.exited

    def _start(
        self,
        run: _Run,
        command: ActorCommand,
        filter_: bytes | None,
        *,
        forked: bool = True,
        before: tuple[str, ...] = (),
    ) -> Start:
        script = forked and run.program.language is Language.PYTHON
        argv = (str(command.source), *command.args) if script else (*before, *command.argv)
        return Start(
            argv=argv, env=ENVIRONMENT, cwd=str(run.folder), stdout=str(run.stream(command.label, "out")),
            stderr=str(run.stream(command.label, "err")), filter=filter_, script=script,
        )  # fmt: skip

    def _own_cpu(self) -> float:
        return time.process_time() + time.clock_gettime(_cpu_clock(self._launcher.pid))


_filters: dict[frozenset[Family], bytes] = {}


def _filter(families: frozenset[Family]) -> bytes:
    if families not in _filters:
        _filters[families] = filter_program(families)
    return _filters[families]


def _cpu_clock(pid: int) -> int:
    """The CPU clock of another process, as the C library's clock_getcpuclockid(3) makes it: CPUCLOCK_SCHED of it."""
    return (~pid << 3) | 2
