"""`python -m bench [NAME …]`: run the measurements, print their tables, write bench/out/NAME.json."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from bench import conductor, detection, fakes, fault_runs, growth, reference, replay, results, schedules, suite
from bench.results import Results
from bench.rounds import Say
from bench.stopping import stop_when_told


class Bench(Protocol):
    """One measurement; `say` is told what it is doing. Raises BenchError."""

    def __call__(self, *, rounds: int, say: Say) -> Results: ...


BENCHES: Mapping[str, Bench] = {
    "suite": suite.run,
    "reference": reference.run,
    "conductor": conductor.run,
    "detection": detection.run,
    "fakes": fakes.run,
    "fault-runs": fault_runs.run,
    "growth": growth.run,
    "replay": replay.run,
    "schedules": schedules.run,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was named, or everything. 0 done, 1 a command failed, 2 the command line is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measurements, printed as ratios.")
    parser.add_argument("name", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHES)}; all when left out")
    parser.add_argument("--rounds", type=_count, default=5, metavar="N", help="how often each arm is timed (5)")
    parser.add_argument("--out", type=Path, default=results.OUT, metavar="DIR", help="where NAME.json goes (bench/out)")
    arguments = parser.parse_args(argv)
    if unknown := [name for name in arguments.name if name not in BENCHES]:
        parser.error(f"there is no bench {unknown[0]!r}; there are {', '.join(BENCHES)}")
    stop_when_told()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each start of ours is timed with its own compilation
    chosen = [BENCHES[name] for name in arguments.name or BENCHES]
    return results.report((partial(_run, bench, arguments.rounds) for bench in chosen), arguments.out)


def _run(bench: Bench, rounds: int, say: Say) -> Results:
    return bench(rounds=rounds, say=say)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
