"""A pytest plug-in for one unmeasured session: in which order commands were started and ended.

`python -m pytest -p bench.starts` with PILEUP_BENCH_STARTS=FILE writes a JSON list of ["start" | "end", RUN, ACTOR].
A record keeps one history of each scenario; this sees all of them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from harness.events import Exited, Started, What
from harness.journal import Journal

VARIABLE = "PILEUP_BENCH_STARTS"
_seen: list[tuple[str, int, str]] = []
_runs: dict[int, Journal] = {}  # kept alive, so that no two journals share an identity
_record = Journal.record


def record(journal: Journal, what: What) -> None:
    """Journal.record, with a note of starts and ends."""
    _record(journal, what)
    if isinstance(what, Started | Exited):
        _runs[id(journal)] = journal
        _seen.append(("start" if isinstance(what, Started) else "end", id(journal), what.actor))


def pytest_configure() -> None:
    """Take the place of Journal.record."""
    Journal.record = record  # type: ignore[method-assign,assignment]


def pytest_unconfigure() -> None:
    """Write what was seen, and give the place back."""
    Journal.record = _record  # type: ignore[method-assign]
    Path(os.environ[VARIABLE]).write_text(json.dumps(_seen), encoding="utf-8")
