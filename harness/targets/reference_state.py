"""The state of the reference, multiplied: what a large team has after a year.

Every file and row is a copy of one that the reference has written itself.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from shutil import copy2

from harness.errors import LabError
from harness.targets.files import replace_json


def multiply(state: Path, workspaces: Path, *, agents: int, sessions: int) -> None:
    """Until the folder of the state has so many of each. Raises LabError when there is not exactly one run."""
    transcripts, tables = list(state.rglob("*.jsonl")), list(state.rglob("*.sqlite"))
    if len(transcripts) != 1 or len(tables) != 1:
        raise LabError(f"one run should have left one transcript and one table, not {transcripts} and {tables}")
    names = [f"agent{number}" for number in range(agents)]
    _agents(state / "config.json", workspaces, names)
    _transcripts(transcripts[0], names, sessions)
    _runs(tables[0], names, sessions)


def _agents(file: Path, workspaces: Path, names: list[str]) -> None:
    config = json.loads(file.read_text(encoding="utf-8"))
    [entry] = config["agents"].values()
    for name in names:
        (workspaces / name).mkdir(parents=True, exist_ok=True)
        config["agents"].setdefault(name, {**entry, "workspace": str(workspaces / name)})
    replace_json(file, config)


def _transcripts(first: Path, names: list[str], sessions: int) -> None:
    """One copy has all the names: for the kernel a new file is dearer by far, more so where many were just deleted."""
    folders = [first.parent.parent / name for name in names]
    for folder in folders:
        folder.mkdir(mode=0o700, exist_ok=True)
    copies = (folders[number % len(folders)] / f"session{number}.jsonl" for number in range(1, sessions))
    one = copy2(first, next(copies))
    for name in copies:
        name.hardlink_to(one)


def _runs(table: Path, names: list[str], sessions: int) -> None:
    with closing(sqlite3.connect(table)) as connection, connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
        chosen = ", ".join({"id": "id || ?", "agent": "?", "session": "?"}.get(name, name) for name in columns)
        rows = [(f"-{number}", names[number % len(names)], f"session{number}") for number in range(1, sessions)]
        [first] = connection.execute("SELECT id FROM runs").fetchone()
        connection.executemany(f"INSERT INTO runs SELECT {chosen} FROM runs WHERE id = '{first}'", rows)
