"""`python -m bench.corpus`: how often plain repetition hits each bug, and the proof that each bug is one."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from bench.corpus.catalog import CorpusError, Program, Twin, load, named
from bench.corpus.materials import unavailable
from bench.corpus.plain import at_once
from bench.corpus.proof import Prover
from bench.stopping import stop_when_told
from harness.errors import PileupError

_SAY_EVERY = 5.0  # seconds
_FILE_WIDTH = 160  # columns, where there is no terminal to fit into
Say = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """What came of running one program again and again."""

    program: Program
    runs: int
    hits: int
    seconds: float
    example: str  # the sentence of the first violation


def main(argv: Sequence[str] | None = None) -> int:
    """0 done; 1 a proof failed, a twin was hit, or a program could not be run; 2 the command line is wrong."""
    arguments = _parser().parse_args(argv)
    stop_when_told()
    progress = Console(stderr=True, highlight=False)
    try:
        programs = named(load(), arguments.name)
        with TemporaryDirectory(prefix="pileup-corpus-cache-") as own:
            cache = arguments.cache or Path(own)
            return _work(arguments, programs, cache, lambda line: progress.print(line, markup=False))
    except (CorpusError, PileupError) as error:
        print(f"corpus: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        print("corpus: interrupted", file=sys.stderr)  # noqa: T201
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.corpus", description=__doc__)
    parser.add_argument("name", nargs="*", metavar="NAME", help="programs; all when left out")
    parser.add_argument("--repeat", type=int, default=0, metavar="N", help="run each N times, all its actors at once")
    parser.add_argument("--twin", choices=[twin.value for twin in Twin], default="buggy", help="which one (buggy)")
    parser.add_argument("--prove", action="store_true", help="carry out the failing order that each program declares")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where compiled programs are kept (nowhere)")
    return parser


def _work(arguments: argparse.Namespace, programs: tuple[Program, ...], cache: Path, say: Say) -> int:
    console, twin = Console(), Twin(arguments.twin)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    there = [program for program in programs if _runs_here(program, say)]
    fine = True
    if arguments.prove:
        fine = _proved([program for program in there if program.scheduled], cache, console)
    elif arguments.repeat > 0:
        repeated = [repeat(program, twin, arguments.repeat, cache=cache, say=say) for program in there]
        console.print(_figures(repeated, twin))
        fine = twin is Twin.BUGGY or not any(row.hits for row in repeated)
    else:
        console.print(_overview(there))
    return 0 if fine and len(there) == len(programs) else 1


def _runs_here(program: Program, say: Say) -> bool:
    reason = unavailable(program)
    if reason:
        say(f"UNAVAILABLE {program.name}: {reason}")
    return reason is None


def repeat(program: Program, twin: Twin, runs: int, *, cache: Path, say: Say) -> Repeated:
    """Run a twin plainly, all actors at once, and count the violations. Raises CorpusError."""
    hits, example = 0, ""
    began = said = time.monotonic()
    for number in range(1, runs + 1):
        violation = at_once(program, twin, cache=cache)
        hits += violation is not None
        example = example or violation or ""
        if number == runs or time.monotonic() - said > _SAY_EVERY:
            said = time.monotonic()
            say(f"{program.name}: {number} of {runs}, {hits} hits, {said - began:.0f} s")
    return Repeated(program=program, runs=runs, hits=hits, seconds=time.monotonic() - began, example=example)


def _proved(programs: Sequence[Program], cache: Path, console: Console) -> bool:
    """Carry out every failing order, and say what each came to; whether all of them failed as they should."""
    violations = []
    with Prover(cache) as prover:
        for program in programs:
            violations.append(prover.judged(program, Twin.BUGGY, program.failing))
            line = f"{program.name}: {violations[-1] or 'NOT VIOLATED by its failing order'}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    return None not in violations


def _figures(rows: Sequence[Repeated], twin: Twin) -> Table:
    title = f"plain repetition, {twin.value} programs, all actors at once"
    table = Table("program", "class", "depth", "language", "hard", "hits", "rate", "ms a run", title=title)
    for row in rows:
        rate = f"{row.hits / row.runs:.1%}" if row.runs else ""
        pace = f"{1000 * row.seconds / row.runs:.0f}"
        table.add_row(*_labels(row.program), f"{row.hits}/{row.runs}", rate, pace)
    return table


def _overview(programs: Sequence[Program]) -> Table:
    table = Table("program", "class", "depth", "language", "hard", "story", title=f"{len(programs)} programs")
    for program in programs:
        table.add_row(*_labels(program), program.story)
    return table


def _labels(program: Program) -> tuple[str, str, str, str, str]:
    hard = "hard" if program.hard else ""
    return program.name, program.bug, str(program.depth), program.language.name.lower(), hard


if __name__ == "__main__":
    sys.exit(main())
