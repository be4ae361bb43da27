"""How many schedules a second: two small processes, started by the fork server, each order judged by nobody.

Processor time is the figure to compare: wall time depends on who else is on the machine. Both are of whole schedules:
a folder, two forks, every stop and decision, two ends. With two workers each has a launcher and a harness of its own.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.corpus.arena import Arena
from bench.corpus.catalog import Actor, Language, Program, Twin
from bench.results import OURS, Results, Row
from bench.rounds import BenchError, Sample, Say
from harness.conductor import kernel
from harness.schedules.strategies import portfolio
from harness.schedules.strategy import Profile

_WARM = 10  # schedules that do not count
_COUNTED = 60  # schedules in a round
_AIM = 500.0  # a second, two workers
_WORKERS = 2
# Reads what both share, replaces it by a file of its own, makes and removes a folder: five calls that stop.
_SOURCE = """
import os, sys
folder, me, rounds = sys.argv[1:]
os.chdir(folder)
for _ in range(int(rounds)):
    os.close(os.open("both", os.O_RDONLY))
    os.close(os.open(me, os.O_WRONLY | os.O_CREAT))
    os.rename(me, "both")
    os.mkdir(me)
    os.rmdir(me)
"""
_CHECK = "def check(folder, endings): return None\n"
_SIZES = {10: 1, 70: 7}  # points of a schedule, and how often each of two actors does the above


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What a number of schedules took, from one worker."""

    schedules: int
    points: int
    cpu: float
    wall: float


@dataclass(frozen=True, kw_only=True)
class _Small(Program):
    """A program without a bug, in a folder of the bench's own."""

    place: Path

    @property
    def folder(self) -> Path:
        return self.place

    def source(self, twin: Twin) -> Path:
        return self.place / "small.py"


def run(*, rounds: int, say: Say) -> Results:
    """Measure. Raises BenchError where system calls cannot be stopped."""
    if not kernel.supported():
        raise BenchError("system calls cannot be stopped on this machine; `pileup doctor` says why")
    alone: dict[int, list[Pace]] = {points: [] for points in _SIZES}
    together: dict[int, list[Sequence[Pace]]] = {points: [] for points in _SIZES}
    for number in range(1, rounds + 1):
        for points in _SIZES:
            say(f"{points} points, round {number} of {rounds}")
            alone[points] += _workers(1, points)
            together[points].append(_workers(_WORKERS, points))
    times = [sample for points in _SIZES for sample in _samples(points, alone[points])]
    counts = [row for points in _SIZES for row in _rates(points, alone[points], together[points])]
    return Results(
        name="schedules", times=tuple(times), ratios=(), versions={}, counts=(*counts, _stop(alone)),
        notes=tuple(_aim(row) for row in counts if row.measure.endswith(_TWO)),
    )  # fmt: skip


_TWO = f"{_WORKERS} workers"


def _samples(points: int, paces: Sequence[Pace]) -> list[Sample]:
    cpu, wall = ([getattr(pace, name) / pace.schedules for pace in paces] for name in ("cpu", "wall"))
    return [
        Sample(measure=f"CPU s a schedule, {points} points", arm=OURS, seconds=tuple(cpu)),
        Sample(measure=f"s a schedule, {points} points", arm=OURS, seconds=tuple(wall)),
    ]


def _rates(points: int, alone: Sequence[Pace], together: Sequence[Sequence[Pace]]) -> list[Row]:
    one = statistics.median(pace.schedules / pace.wall for pace in alone)
    two = statistics.median(sum(pace.schedules / pace.wall for pace in paces) for paces in together)
    return [
        Row(measure=f"schedules a second, {points} points, {name}", arm=OURS, value=round(rate, 1), unit="count")
        for name, rate in (("1 worker", one), (_TWO, two))
    ]


def _stop(alone: dict[int, list[Pace]]) -> Row:
    """A stop, its decision and its round trip, wall time: by how much more points make a schedule longer."""
    few, many = alone.values()
    pairs = zip(few, many, strict=True)
    each = ((b.wall / b.schedules - a.wall / a.schedules) / ((b.points - a.points) / a.schedules) for a, b in pairs)
    return Row(
        measure="a stop with its decision, us", arm=OURS, value=round(1e6 * statistics.median(each), 1), unit="us"
    )


def _aim(row: Row) -> str:
    return f"aim for {row.measure}: {_AIM:g}; {'met' if row.value >= _AIM else 'MISSED'} at {row.value:.0f}"


def _workers(count: int, points: int) -> Sequence[Pace]:
    """So many workers at once, each with a harness and a launcher of its own, and with a processor of its own.

    Harness and actors take turns, so a second processor is of no use to them; being moved to it costs a sixth.
    """
    processors = sorted(os.sched_getaffinity(0))
    mine = [{processors[number % len(processors)]} for number in range(count)]
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        return tuple(pool.map(_worker, [points] * count, mine))


def _worker(points: int, processors: set[int]) -> Pace:
    os.sched_setaffinity(0, processors)
    with TemporaryDirectory(prefix="pileup-bench-") as folder, Arena(Path(folder)) as arena:
        program, profile = small(Path(folder), points), Profile()
        total, cpu, began = 0, 0.0, 0.0
        for number in range(_WARM + _COUNTED):
            if number == _WARM:
                total, cpu, began = 0, 0.0, time.perf_counter()
            ran = arena.scheduled(program, Twin.BUGGY, portfolio.pick(number, 1, profile)[1])
            profile, total, cpu = profile.after(ran.trace), total + len(ran.trace.steps), cpu + ran.cpu
        return Pace(schedules=_COUNTED, points=total, cpu=cpu, wall=time.perf_counter() - began)


def small(folder: Path, points: int) -> Program:
    """Two actors that come to so many points together, starts not counted."""
    (folder / "small.py").write_text(_SOURCE)
    (folder / "check.py").write_text(_CHECK)
    actors = tuple(Actor(label=name, args=("{dir}", name, str(_SIZES[points]))) for name in "ab")
    return _Small(
        name="small", bug="none", depth=1, because="-", story="-", language=Language.PYTHON, actors=actors,
        setup={"both": ""}, failing=(), place=folder,
    )  # fmt: skip
