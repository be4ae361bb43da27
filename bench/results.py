"""What a bench came to: rows for programs in bench/out/NAME.json, a table for people, the machine beside both."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.rounds import BenchError, Sample, Say
from harness.errors import PileupError

OUT = Path(__file__).resolve().parent / "out"
OURS = "pileup"
_FILE_WIDTH = 190  # columns, where there is no terminal to fit into


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure: the median over the rounds."""

    measure: str
    arm: str
    value: float
    unit: str  # "s", "us", "count", or "x": how many times as long


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that one bench has to say. `notes` are for people: what was skipped, what did not go our way."""

    name: str
    times: tuple[Sample, ...]
    ratios: tuple[Sample, ...]
    versions: Mapping[str, str]
    notes: tuple[str, ...] = ()
    counts: tuple[Row, ...] = ()
    table: Table | None = None  # shown in place of the list of all figures

    @property
    def rows(self) -> tuple[Row, ...]:
        return (*_rows(self.times, "s"), *_rows(self.ratios, "x"), *self.counts)


def report(benches: Iterable[Callable[[Say], Results]], folder: Path = OUT) -> int:
    """Run them one after the other, and show and write what each came to: 0 done, 1 one failed, 130 interrupted."""
    console, progress = _console(), Console(stderr=True, highlight=False)
    try:
        for bench in benches:
            found = bench(lambda line: progress.print(line, markup=False, soft_wrap=True))
            show(found, console)
            console.print(f"written: {write(found, folder)}", markup=False, soft_wrap=True)
    except (BenchError, PileupError) as error:
        print(f"bench: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)  # noqa: T201
        return 130
    return 0


def write(results: Results, folder: Path = OUT) -> Path:
    """Write NAME.json: rows, every sample, machine, versions, notes."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{results.name}.json"
    document = {
        "rows": [asdict(row) for row in results.rows],
        "samples": [asdict(sample) for sample in results.times],
        "machine": machine(),
        "versions": dict(results.versions),
        "notes": list(results.notes),
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return path


def _console() -> Console:
    """For the standard output; wide where that is a file."""
    made = Console()
    if not made.is_terminal:
        made.width = _FILE_WIDTH
    return made


def show(results: Results, console: Console) -> None:
    """The table, the machine, and in words what was skipped or lost."""
    console.print(results.table or _list(results))
    for name, value in {**machine(), **results.versions}.items():
        console.print(f"{name}: {value}", markup=False, highlight=False)
    for note in results.notes:
        console.print(f"- {note}", markup=False, highlight=False, soft_wrap=True)


def _list(results: Results) -> Table:
    table = Table("measure", "arm", "median", "min..max", title=f"bench {results.name}", title_justify="left")
    for sample in (*results.times, *results.ratios):
        unit, places = ("x", 2) if sample in results.ratios else ("s", 3)
        spread = f"{min(sample.seconds):.{places}f}..{max(sample.seconds):.{places}f}"
        style = "bold" if sample.arm == OURS else ""
        table.add_row(sample.measure, sample.arm, f"{sample.median:.{places}f} {unit}", spread, style=style)
    for row in results.counts:
        table.add_row(row.measure, row.arm, f"{row.value:g}", "")
    return table


def machine() -> dict[str, str]:
    """What decides how fast anything is here, the load of others included."""
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    return {
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpus": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
        "load (1, 5, 15 min)": load,
    }


def _rows(samples: Sequence[Sample], unit: str) -> list[Row]:
    return [Row(measure=s.measure, arm=s.arm, value=round(s.median, 4), unit=unit) for s in samples]
