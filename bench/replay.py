"""What a found failure is worth: does its token repeat it, how far does it shrink, and is the repaired twin left alone?

For each program of the corpus the portfolio looks for a failure. Its token is replayed; a replay counts if it takes the
same steps (actor and fingerprint) and ends in the same sentence, both without what differs from run to run. It is
shrunk, and where that is quick all schedules with fewer preemptions are run, to see whether any of them fails.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.table import Table

from bench import results
from bench.corpus import arms
from bench.corpus.arena import Arena, Ran
from bench.corpus.catalog import Program, Twin, load, named
from bench.corpus.materials import runnable
from bench.results import OURS, Results, Row
from bench.rounds import Say
from harness.schedules.decisions import Decisions, Follow
from harness.schedules.points import lasting
from harness.schedules.replay import Diverged, Recording, Replay
from harness.schedules.shrink import Shrunk, shrink
from harness.schedules.strategies.bounded import Bounded, explore
from harness.schedules.trace import Trace

CAP = 10.0  # CPU-seconds to find a failure in
REPLAYS = 20
TWINS = 20
_QUICK = 300  # schedules that the exhaustive search for fewer preemptions may take
_SEEDS = range(1, 4)  # tried in turn, until one finds a failure within the cap


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What became of one program's failure."""

    program: Program
    found: bool
    same: int = 0  # replays that took the same steps to the same sentence
    other: tuple[str, ...] = ()  # what the others did instead
    before: int = 0  # preemptions of the failure as it was found
    after: int | None = None  # of the shrunk one; None: it could not be shrunk, as it did not repeat
    replays: int = 0  # that shrinking took
    least: int | None = None  # preemptions of the exhaustive minimum; None: not known
    alarms: tuple[str, ...] = ()  # what the repaired twin was accused of


def run(
    *, rounds: int, say: Say, replays: int = REPLAYS, twins: int = TWINS, names: Sequence[str] = (), cap: float = CAP
) -> Results:
    """Measure; `rounds` is not used: a replay is its own repetition. Raises BenchError."""
    programs, skipped = runnable(named((program for program in load() if program.scheduled), names))
    worths = []
    with arena() as there:
        for program in programs:
            worth = _Bench(there, program, replays, twins, cap).measure()
            worths.append(worth)
            say(f"{program.name}: {_summary(worth, replays, twins)}")
    return _results(worths, replays, twins, skipped)


@contextmanager
def arena() -> Iterator[Arena]:
    with TemporaryDirectory(prefix="pileup-corpus-cache-") as cache, Arena(Path(cache)) as made:
        yield made


class _Bench:
    """One program."""

    def __init__(self, there: Arena, program: Program, replays: int, twins: int, cap: float) -> None:
        self._arena = there
        self._program = program
        self._replays = replays
        self._twins = twins
        self._cap = cap

    def measure(self) -> Worth:
        alarms = tuple(self._accused())
        found = self._find()
        if found is None:
            return Worth(program=self._program, found=False, alarms=alarms)
        other = tuple(why for _ in range(self._replays) if (why := self._differs(found)))
        shrunk = self._shrunk(found)
        return Worth(
            program=self._program, found=True, same=self._replays - len(other), other=other, alarms=alarms,
            before=found.trace.preemptions(), after=shrunk.trace.preemptions() if shrunk else None,
            replays=shrunk.replays if shrunk else 0, least=self._least(shrunk) if shrunk else None,
        )  # fmt: skip

    def _accused(self) -> Iterator[str]:
        """The sentences that the repaired twin's runs got."""
        runs = arms.whole_portfolio(self._arena, self._program, 1, Twin.REPAIRED)
        return (ran.violation for ran in itertools.islice(runs, self._twins) if ran.violation)

    def _find(self) -> Ran | None:
        for seed in _SEEDS:
            cpu = 0.0
            for ran in arms.whole_portfolio(self._arena, self._program, seed):
                cpu += ran.cpu
                if ran.violation:
                    return ran
                if cpu > self._cap:
                    break
        return None

    def _differs(self, found: Ran) -> str:
        """What a replay from the token did otherwise; "" if nothing."""
        recording = Recording.parse(Recording.of(found.trace, found.stops).token)
        try:
            ran = self._arena.scheduled(self._program, Twin.BUGGY, Replay(recording), recording.decisions)
        except Diverged as error:
            return error.message
        if _steps(ran.trace) != _steps(found.trace):
            return "other steps with the same checks"
        return "" if _sentence(ran) == _sentence(found) else f"another verdict: {ran.violation}"

    def _shrunk(self, found: Ran) -> Shrunk | None:
        shrunk = shrink(Decisions.from_trace(found.trace, found.stops), self._violating)
        return shrunk if isinstance(shrunk, Shrunk) else None

    def _violating(self, decisions: Decisions) -> Trace | None:
        ran = self._arena.scheduled(self._program, Twin.BUGGY, Follow(decisions), decisions)
        return ran.trace if ran.violation else None

    def _least(self, shrunk: Shrunk) -> int | None:
        """The fewest preemptions with which it fails, if that is known after few schedules."""
        most = shrunk.trace.preemptions() - 1
        if most < 0:
            return 0
        bounded, found = Bounded(most), list[Trace]()

        def once(decisions: Decisions) -> Trace:
            ran = self._arena.scheduled(self._program, Twin.BUGGY, Follow(decisions), decisions)
            found.extend([ran.trace] if ran.violation else [])
            return ran.trace

        for _ in explore(bounded, once, _QUICK):
            if found:
                return found[0].preemptions()
        return most + 1 if bounded.propose() is None and not bounded.unexpected else None


def _steps(trace: Trace) -> list[tuple[str, str]]:
    return [(point.actor, point.fingerprint) for point in trace.points]


def _sentence(ran: Ran) -> str:
    return lasting(ran.violation or "")


# -- what it came to --------------------------------------------------------------------------------------------------


def _results(worths: Sequence[Worth], replays: int, twins: int, skipped: Sequence[str]) -> Results:
    figures: list[tuple[str, Callable[[Worth], int | None]]] = [
        ("the same of replays", lambda worth: worth.same if worth.found else None),
        ("preemptions, shrunk", lambda worth: worth.after),
        ("preemptions, exhaustive minimum", lambda worth: worth.least),
        ("replays to shrink", lambda worth: worth.replays if worth.after is not None else None),
        ("false alarms", lambda worth: len(worth.alarms)),
    ]
    counts = [
        Row(measure=f"{worth.program.name}, {name}", arm=OURS, value=value, unit="count")
        for worth in worths
        for name, figure in figures
        if (value := figure(worth)) is not None
    ]
    return Results(
        name="replay", times=(), ratios=(), versions={}, notes=(*_notes(worths, replays, twins), *skipped),
        counts=tuple(counts), table=_table(worths, replays),
    )  # fmt: skip


def _notes(worths: Sequence[Worth], replays: int, twins: int) -> Iterator[str]:
    found = [worth for worth in worths if worth.found]
    yield f"{sum(worth.same for worth in found)} of {replays * len(found)} replays the same"
    yield f"{sum(len(worth.alarms) for worth in worths)} false alarms in {twins * len(worths)} runs of repaired twins"
    for worth in worths:
        if not worth.found:
            yield f"{worth.program.name}: NOT FOUND"
        for why in dict.fromkeys(worth.other):
            yield f"{worth.program.name}: DIVERGED {worth.other.count(why)} times: {why}"
        for alarm in dict.fromkeys(worth.alarms):
            yield f"{worth.program.name}: FALSE ALARM: {alarm}"


def _table(worths: Sequence[Worth], replays: int) -> Table:
    table = Table(
        "program", f"same of {replays}", "preemptions found", "shrunk", "least", "replays to shrink", title="replay"
    )
    for worth in worths:
        known = [worth.same, worth.before, worth.after, worth.least, worth.replays]
        cells = ["" if value is None else str(value) for value in known] if worth.found else ["not found"]
        table.add_row(worth.program.name, *cells)
    return table


def _summary(worth: Worth, replays: int, twins: int) -> str:
    alarms = f"{len(worth.alarms)} false alarms in {twins}"
    if not worth.found:
        return f"NOT FOUND; {alarms}"
    shrunk = f"preemptions {worth.before}, shrunk {worth.after} by {worth.replays} replays, least {worth.least}"
    return f"{worth.same}/{replays} replays the same; {shrunk}; {alarms}"


def main(argv: Sequence[str] | None = None) -> int:
    """0 done, 1 something failed, 2 the command line is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.replay", description=__doc__)
    parser.add_argument("name", nargs="*", metavar="PROGRAM", help="all when left out")
    parser.add_argument("--replays", type=int, default=REPLAYS, metavar="N", help=f"of each failure ({REPLAYS})")
    parser.add_argument("--twins", type=int, default=TWINS, metavar="N", help=f"runs of each repaired twin ({TWINS})")
    parser.add_argument("--out", type=Path, default=results.OUT, metavar="DIR", help="where replay.json goes")
    arguments = parser.parse_args(argv)
    return results.report(
        [lambda say: run(rounds=1, say=say, names=arguments.name, replays=arguments.replays, twins=arguments.twins)],
        arguments.out,
    )


if __name__ == "__main__":
    sys.exit(main())
