"""Processor time to the first failure, for each program of the corpus and each way of looking for it.

`python -m bench detection` for a first look, `python -m bench.detection --seeds 20 --cap 60` for the published run. A
search that spends its cap without a failure counts as the cap: a lower bound, and so in favour of whoever was stopped.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.table import Table

from bench import results
from bench.corpus import arms
from bench.corpus.arena import Arena
from bench.corpus.arms import Arm
from bench.corpus.catalog import CorpusError, Program, load, named
from bench.corpus.materials import runnable
from bench.results import OURS, Results, Row
from bench.rounds import BenchError, Sample, Say
from harness.conductor import kernel

CAP = 10.0  # CPU-seconds
_WALL = 20.0  # seconds of waiting for each of them, before a search is given up
_AIM = 10.0  # times fewer than without schedule control, on the hard half


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search: a program, an arm, a seed."""

    program: Program
    arm: str
    cpu: float  # seconds spent
    runs: int
    violation: str | None  # None: nothing was found
    broke: str = ""  # why it could not go on, if it could not: counts as nothing found


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """All searches of one program by one arm."""

    searches: tuple[Search, ...]
    cap: float

    @property
    def seconds(self) -> tuple[float, ...]:
        return tuple(search.cpu if search.violation else self.cap for search in self.searches)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def found(self) -> int:
        return sum(search.violation is not None for search in self.searches)

    def __str__(self) -> str:
        if 2 * self.found <= len(self.searches):
            return f"cap ({self.found}/{len(self.searches)})" if self.found else "cap"
        return f"{self.median:.2f}"


Cells = Mapping[tuple[str, str], Cell]  # by program's name and arm


def run(*, rounds: int, say: Say, cap: float = CAP, names: Sequence[str] = (), only: Sequence[str] = ()) -> Results:
    """Measure; `rounds` is the number of seeds. Raises BenchError."""
    if not kernel.supported():
        raise BenchError("system calls cannot be stopped on this machine; `pileup doctor` says why")
    programs, notes = runnable(named((program for program in load() if program.scheduled), names))
    for note in notes:
        say(note)
    chosen = _arms(only)
    with TemporaryDirectory(prefix="pileup-corpus-cache-") as cache, Arena(Path(cache)) as arena:
        searches = list(_all(arena, programs, chosen, rounds, cap, say))
    cells = {
        (program.name, arm): Cell(searches=tuple(s for s in searches if (s.program, s.arm) == (program, arm)), cap=cap)
        for program in programs
        for arm in chosen
    }
    return _results(programs, tuple(chosen), cells, notes)


def _arms(only: Sequence[str]) -> Mapping[str, Arm]:
    every = {**arms.uncontrolled(), **arms.controlled()}
    if unknown := sorted(set(only) - every.keys()):
        raise BenchError(f"there is no arm {unknown[0]!r}; there are {', '.join(every)}")
    return {name: arm for name, arm in every.items() if not only or name in only}


def _all(
    arena: Arena, programs: Sequence[Program], chosen: Mapping[str, Arm], seeds: int, cap: float, say: Say
) -> Iterator[Search]:
    """Program by program, and within it seed by seed, so that a machine's moods meet all arms."""
    for program in programs:
        for seed in range(1, seeds + 1):
            done = [search(arena, program, name, arm, seed, cap) for name, arm in chosen.items()]
            yield from done
            say(f"{program.name} {seed}/{seeds}: {', '.join(f'{s.arm} {_brief(s)}' for s in done)}")


def search(arena: Arena, program: Program, name: str, arm: Arm, seed: int, cap: float) -> Search:
    """Run until the first failure, or until the cap is spent, in processor time or in waiting."""
    cpu, runs, violation = 0.0, 0, None
    give_up, broke = time.monotonic() + _WALL * cap, ""
    try:
        for ran in arm(arena, program, seed):
            cpu, runs, violation = cpu + ran.cpu, runs + 1, ran.violation
            if violation or cpu >= cap or time.monotonic() > give_up:
                break
    except CorpusError as error:  # one of a thousand searches; it is said, and the others go on
        broke = str(error)
    return Search(program=program, arm=name, cpu=cpu, runs=runs, violation=violation, broke=broke)


def _brief(search: Search) -> str:
    return f"{search.cpu:.2f} ({search.runs})" if search.violation else f"- ({search.runs})"


# -- what it came to --------------------------------------------------------------------------------------------------


def _results(programs: Sequence[Program], chosen: Sequence[str], cells: Cells, notes: Iterable[str]) -> Results:
    times = [Sample(measure=name, arm=arm, seconds=cell.seconds) for (name, arm), cell in cells.items()]
    halves = {"easy half": [p for p in programs if not p.hard], "hard half": [p for p in programs if p.hard]}
    sums = [
        Sample(measure=f"{half}, CPU s a program", arm=arm, seconds=_means(members, arm, cells))
        for half, members in halves.items()
        if members
        for arm in chosen
    ]
    free = [arm for arm in arms.uncontrolled() if arm in chosen]
    comparable = bool(free) and OURS in chosen
    said = _comparisons(halves, sums, free) if comparable else []
    losses = _losses(programs, free, chosen, cells) if comparable else []
    counts = [
        Row(measure=f"{name}, found", arm=arm, value=cell.found, unit="count") for (name, arm), cell in cells.items()
    ]
    return Results(
        name="detection", times=(*times, *sums), ratios=(), versions={}, notes=(*notes, *said, *losses),
        counts=tuple(counts), table=_table(programs, chosen, cells, sums),
    )  # fmt: skip


def _means(members: Sequence[Program], arm: str, cells: Cells) -> tuple[float, ...]:
    """Seed by seed, what the arm spent on a program in the mean."""
    return tuple(map(statistics.fmean, zip(*(cells[program.name, arm].seconds for program in members), strict=True)))


def _comparisons(halves: Mapping[str, Sequence[Program]], sums: Sequence[Sample], free: Sequence[str]) -> list[str]:
    """For each half, how many times less the portfolio needs than the best arm without schedule control."""
    lines = []
    for half in halves:
        medians = {sample.arm: sample.median for sample in sums if sample.measure.startswith(half)}
        if medians:
            best = min(free, key=lambda arm: medians[arm])
            factor = medians[best] / medians[OURS]
            verdict = f"; aim: {_AIM:g}x, {'met' if factor >= _AIM else 'MISSED'}" if half == "hard half" else ""
            lines.append(f"{half}: {OURS} {medians[OURS]:.2f}, {best} {medians[best]:.2f}: {factor:.1f}x less{verdict}")
    return lines


def _losses(programs: Sequence[Program], free: Sequence[str], chosen: Sequence[str], cells: Cells) -> list[str]:
    """Where ours is not the best, and where it does not find the bug each time."""
    lines = []
    for program in programs:
        ours = cells[program.name, OURS]
        best = min((arm for arm in chosen if arm != OURS), key=lambda arm: cells[program.name, arm].median)
        if cells[program.name, best].median < ours.median:
            kind = "LOST to an arm without control" if best in free else "lost to a single strategy"
            lines.append(f"{program.name}: {kind}: {best} {cells[program.name, best].median:.2f}, {OURS} {ours}")
        broken = {
            f"{program.name}, {arm}: BROKE OFF: {s.broke}"
            for arm in chosen
            for s in cells[program.name, arm].searches
            if s.broke
        }
        lines += sorted(broken)
        if ours.found < len(ours.searches):
            lines.append(f"{program.name}: NOT FOUND by {OURS} in {len(ours.searches) - ours.found} searches")
    return lines


def _table(programs: Sequence[Program], chosen: Sequence[str], cells: Cells, sums: Sequence[Sample]) -> Table:
    cap = next(iter(cells.values())).cap if cells else CAP
    table = Table("program", "depth", *chosen, title=f"CPU-seconds to the first failure, medians; cap {cap:g}")
    for program in sorted(programs, key=lambda program: program.hard):
        medians = {arm: cells[program.name, arm].median for arm in chosen}
        best = min(medians.values())
        texts = [
            f"[bold]{cells[program.name, arm]}[/]" if medians[arm] == best < cap else str(cells[program.name, arm])
            for arm in chosen
        ]
        table.add_row(f"{program.name}{' (hard)' if program.hard else ''}", str(program.depth), *texts)
    for half in dict.fromkeys(sample.measure for sample in sums):
        spans = [f"{s.median:.2f} ({min(s.seconds):.2f}..{max(s.seconds):.2f})" for s in sums if s.measure == half]
        table.add_row(half, "", *spans)
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """0 done, 1 something failed, 2 the command line is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.detection", description=__doc__)
    parser.add_argument("name", nargs="*", metavar="PROGRAM", help="all when left out")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="searches per program and arm (3)")
    parser.add_argument("--cap", type=float, default=CAP, metavar="S", help=f"CPU-seconds for each of them ({CAP:g})")
    parser.add_argument("--arm", action="append", default=[], metavar="ARM", help="only these arms")
    parser.add_argument("--out", type=Path, default=results.OUT, metavar="DIR", help="where detection.json goes")
    arguments = parser.parse_args(argv)
    return results.report(
        [lambda say: run(rounds=arguments.seeds, say=say, cap=arguments.cap, names=arguments.name, only=arguments.arm)],
        arguments.out,
    )


if __name__ == "__main__":
    sys.exit(main())
