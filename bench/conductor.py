"""What it costs a command that its system calls stop: free-running, that is, every call is let go at once.

Arms: the command by itself; with the calls stopped at which config races are made (REPLACE, OPEN); with every call
that changes a file; with all calls that can be stopped but reads and looks (locks, forks, starts, ends, timers,
sockets, attributes, maps); with every opening for reading; and strace, where it is installed, which prints the calls
that change files (strace(1): with `--seccomp-bpf` it stops those alone). All are started by the same launcher.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.commands import PATIENCE, next_add, site
from bench.results import OURS, Results, Row
from bench.rounds import BenchError, Sample, Say, interleave, ratios
from harness.conductor import kernel
from harness.conductor.calls import KINDS, Family
from harness.conductor.filter import program
from harness.conductor.seal import Seal
from harness.conductor.supervisor import Supervisor
from harness.errors import PileupError
from harness.processes.client import LauncherClient, Program
from harness.scenario import WATCH_REPLACEMENTS, WATCH_WRITES
from harness.targets import registry
from harness.targets.protocol import Command, Setup, Site, Target

PLAIN = "plain"
WRITES = "pileup, writes too"
ALL_BUT_READS = "pileup, all but reads"
READS = "pileup, reads too"
_TARGETS = ("reference", "openclaw@2026.3.8")
_NETWORK = frozenset({Family.NETWORK})
_MANY = frozenset({Family.READ, Family.LOOKUP, Family.LOOK})
_AIMS = {OURS: 1.1, WRITES: 1.1, ALL_BUT_READS: 1.1, READS: 1.25}
_WRITE_SIDE = ",".join(f"?{kind.name}" for kind in KINDS if kind.family in WATCH_WRITES)  # "?": where it is unknown


def run(*, rounds: int, say: Say, targets: tuple[str, ...] = _TARGETS) -> Results:
    """Measure `agents add` of each target that is there. Raises BenchError."""
    if not kernel.supported():
        raise BenchError("system calls cannot be stopped on this machine; `pileup doctor` says why")
    times: list[Sample] = []
    factors: list[Sample] = []
    notes: list[str] = [] if shutil.which("strace") else ["skipped, the arm of strace: it is not installed"]
    counts: list[Row] = []
    for name in targets:
        try:
            target = registry.find(name)
        except PileupError as error:
            notes.append(f"skipped, {name}: {error.message}; to have it measured: {error.hint}")
            say(notes[-1])
            continue
        bench = _Bench(name, target)
        samples, stops = bench.measure(rounds, say)
        times += samples
        factors += [ratios(samples, sample.arm, PLAIN) for sample in samples if sample.arm != PLAIN]
        counts += [Row(measure=f"{name} agents add, stops", arm=arm, value=n, unit="count") for arm, n in stops.items()]
    notes += [_plainly(factor) for factor in factors if factor.arm in _AIMS]
    return Results(
        name="conductor", times=tuple(times), ratios=tuple(factors), versions={}, notes=tuple(notes),
        counts=tuple(counts),
    )  # fmt: skip


def _plainly(factor: Sample) -> str:
    aim = _AIMS[factor.arm]
    word = "met" if factor.median <= aim else "MISSED"
    return f"aim for {factor.measure}, {factor.arm}: at most {aim:g}x; {word} at {factor.median:.2f}x"


class _Bench:
    """One target's `agents add`, under a launcher that lives as long as the measurement."""

    def __init__(self, name: str, target: Target) -> None:
        self._name = name
        self._target = target
        self._stops: dict[str, int] = {}

    def measure(self, rounds: int, say: Say) -> tuple[list[Sample], dict[str, int]]:
        with TemporaryDirectory(prefix="pileup-bench-") as folder, asyncio.Runner() as runner:
            where = site(Path(folder))
            self._target.prepare(where, Setup())
            launcher = LauncherClient.start()
            launcher.attach(runner.get_loop())
            try:
                return self._arms(runner, launcher, where, rounds, say), self._stops
            finally:
                launcher.stop()

    def _arms(
        self, runner: asyncio.Runner, launcher: LauncherClient, where: Site, rounds: int, say: Say
    ) -> list[Sample]:
        def once(arm: str, families: Collection[Family], before: tuple[str, ...] = ()) -> float:
            command = next_add(self._target, where)
            argv = (*before, *command.argv)
            changed = Command(argv=argv, env=command.env, cwd=command.cwd)
            work: Coroutine[Any, Any, float] = self._timed(arm, launcher, where, changed, families)
            return runner.run(work)

        arms = {
            PLAIN: lambda: once(PLAIN, ()),
            OURS: lambda: once(OURS, WATCH_REPLACEMENTS | _NETWORK),
            WRITES: lambda: once(WRITES, WATCH_WRITES | _NETWORK),
            ALL_BUT_READS: lambda: once(ALL_BUT_READS, frozenset(Family) - _MANY),
            READS: lambda: once(READS, WATCH_WRITES | _NETWORK | {Family.READ}),
        }
        if strace := shutil.which("strace"):
            words = ("-qq", "-e", f"trace={_WRITE_SIDE}", "-o", "/dev/null", "--")
            arms["strace -f"] = lambda: once("strace -f", (), (strace, "-f", *words))
            arms["strace -f --seccomp-bpf"] = lambda: once("strace -f", (), (strace, "-f", "--seccomp-bpf", *words))
        return interleave(f"{self._name} agents add", arms, rounds, say)

    async def _timed(
        self, arm: str, launcher: LauncherClient, where: Site, command: Command, families: Collection[Family]
    ) -> float:
        filter_ = program(families) if families else None
        errors = where.root / "stderr"
        began = time.perf_counter()
        process = await launcher.spawn(
            Program(argv=command.argv, env=command.env, cwd=str(command.cwd), stderr=str(errors), filter=filter_)
        )
        async with self._supervised(arm, process.listener, where, families):
            code = await asyncio.wait_for(process.exited, PATIENCE)
            seconds = time.perf_counter() - began
            await launcher.sweep()
        process.close()
        if code != 0:
            raise BenchError(f"{self._name} agents add ({arm}) exited {code}: {errors.read_text()[-400:]}")
        return seconds

    @asynccontextmanager
    async def _supervised(
        self, arm: str, listener: int | None, where: Site, families: Collection[Family]
    ) -> AsyncIterator[None]:
        """Let every stopped call go, count those on the run's files, and let go of the listener at the end."""
        if listener is None:
            yield
            return
        failures: list[BaseException] = []
        seal = Seal(lambda _actor, _address: None)
        supervisor = Supervisor(
            actor=arm, listener=listener, root=str(where.root), directors=(), seal=seal, on_fault=failures.append,
            families=families,
        )  # fmt: skip
        try:
            yield
        finally:
            self._stops[arm] = supervisor.watched
            supervisor.close()
        if failures:
            raise BenchError(f"the conductor failed: {failures[0]!r}")
