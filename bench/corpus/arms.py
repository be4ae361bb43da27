"""The ways of looking for a bug that are compared: each is an endless sequence of runs of one buggy program.

Without schedule control: repetition (all actors started at once, again and again), by exec as anybody would and by fork
as the controlled arms do; random delays; strace, which delays system calls. With control: single strategies, and the
portfolio of all of them, which is what a campaign runs.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import shutil
import signal
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from bench.corpus.arena import Arena, Ran
from bench.corpus.catalog import Program, Twin
from bench.results import OURS
from harness.processes.client import Process
from harness.schedules.strategies import portfolio
from harness.schedules.strategy import Profile, Strategy

_LEAST = 0.005  # seconds over which delays are spread at least, as timers count in milliseconds
_DELAY = 20_000  # microseconds: the longest delay that strace is told to inject
# What strace may delay: whatever names or changes a file, or locks it. The chdir is where a program begins its work.
_TRACED = (
    "chdir,open,openat,creat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,"
    "write,pwrite64,ftruncate,truncate,fsync,flock,fcntl,stat,lstat,newfstatat,statx,access,faccessat2,getdents64"
)


class Arm(Protocol):
    """Runs the buggy twin for ever; all randomness that is ours comes from the seed."""

    def __call__(self, arena: Arena, program: Program, seed: int) -> Iterator[Ran]: ...


def repeated(arena: Arena, program: Program, seed: int) -> Iterator[Ran]:
    """All actors at once, each started as a command."""
    while True:
        yield arena.left_alone(program, Twin.BUGGY, forked=False)


def repeated_forked(arena: Arena, program: Program, seed: int) -> Iterator[Ran]:
    """All actors at once, Python ones in forks of the launcher: the cheapest repetition there is."""
    while True:
        yield arena.left_alone(program, Twin.BUGGY)


def delayed(arena: Arena, program: Program, seed: int) -> Iterator[Ran]:
    """Each actor starts at a random time, and is stopped once (SIGSTOP) at a random time, for a random time.

    All three are uniform between nothing and what an undisturbed run takes.
    """
    chance = random.Random(f"delays#{seed}")
    began = time.monotonic()
    yield arena.left_alone(program, Twin.BUGGY)
    span = max(_LEAST, time.monotonic() - began)
    while True:
        yield arena.left_alone(program, Twin.BUGGY, disturb=_Delays(chance, span))


class _Delays:
    def __init__(self, chance: random.Random, span: float) -> None:
        self._chance = chance
        self._span = span

    async def __call__(self, number: int, start: Coroutine[Any, Any, Process]) -> Process:
        await asyncio.sleep(self._chance.uniform(0, self._span))
        process = await start
        await asyncio.sleep(self._chance.uniform(0, self._span))
        if process.signal(signal.SIGSTOP):
            await asyncio.sleep(self._chance.uniform(0, self._span))
            process.signal(signal.SIGCONT)
        return process


def traced(arena: Arena, program: Program, seed: int) -> Iterator[Ran]:
    """Each actor under `strace -f`, which delays one random call of its file work by a random time, up to 20 ms."""
    chance = random.Random(f"strace#{seed}")
    with TemporaryDirectory(prefix="pileup-strace-") as folder:
        logs = [Path(folder) / str(number) for number, _ in enumerate(program.actors)]
        yield arena.left_alone(program, Twin.BUGGY, before=[_strace(log) for log in logs])
        ranges = [_work(log) for log in logs]
    while True:
        yield arena.left_alone(program, Twin.BUGGY, before=[_injecting(chance, *work) for work in ranges])


def _strace(log: Path | str = "/dev/null", *words: str) -> Sequence[str]:
    found = shutil.which("strace") or "strace"
    return (found, "-f", "-qq", "-o", str(log), "-e", f"trace={_TRACED}", *words, "--")


def _injecting(chance: random.Random, first: int, last: int) -> Sequence[str]:
    when, delay = chance.randint(first, max(first, last)), chance.randint(1, _DELAY)
    return _strace("/dev/null", "-e", f"inject={_TRACED}:delay_enter={delay}:when={when}")


def _work(log: Path) -> tuple[int, int]:
    """The numbers, counted from 1, of an actor's first call after it has entered the folder, and of its last."""
    lines = log.read_text(errors="replace").splitlines()
    entered = next((number for number, line in enumerate(lines) if "chdir(" in line), -1)
    return entered + 2, max(1, len(lines))


def strategy(name: str) -> Arm:
    """One strategy alone, which learns from its earlier runs as a campaign does."""

    def arm(arena: Arena, program: Program, seed: int) -> Iterator[Ran]:
        return _learning(arena, program, lambda number, profile: portfolio.make(name, number, seed, profile))

    return arm


def whole_portfolio(arena: Arena, program: Program, seed: int, twin: Twin = Twin.BUGGY) -> Iterator[Ran]:
    """What a campaign runs."""
    return _learning(arena, program, lambda number, profile: portfolio.pick(number, seed, profile)[1], twin)


class _Pick(Protocol):
    def __call__(self, number: int, profile: Profile, /) -> Strategy: ...


def _learning(arena: Arena, program: Program, pick: _Pick, twin: Twin = Twin.BUGGY) -> Iterator[Ran]:
    profile = Profile()
    for number in itertools.count():
        ran = arena.scheduled(program, twin, pick(number, profile))
        profile = profile.after(ran.trace)
        yield ran


def uncontrolled() -> Mapping[str, Arm]:
    """The arms that leave the schedule to the machine, as far as they can be had here."""
    arms: dict[str, Arm] = {"repeat": repeated, "repeat forked": repeated_forked, "delays": delayed}
    return {**arms, "strace": traced} if shutil.which("strace") else arms


def controlled() -> Mapping[str, Arm]:
    """The arms that decide the schedule, ours last."""
    names = ("random-walk", "pct", "pos", "urw", "reversal")
    return {**{name: strategy(name) for name in names}, OURS: whole_portfolio}
