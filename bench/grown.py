"""A state as large as a busy team's after a year, and the fakes as a program of their own to have turns with.

The state is multiplied from one run that the reference made itself, so that its files and rows are real ones.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx

from bench.rounds import BenchError
from harness.targets.protocol import Site
from harness.targets.reference import ReferenceTarget

SESSIONS = 5000
AGENTS = 1000
_MESSAGE = {"model": "claude-sonnet-4-6", "max_tokens": 64, "messages": [{"role": "user", "content": "hello"}]}


@contextmanager
def serving() -> Iterator[str]:
    """`python -m fakes` without a script: every model answers "ok". Gives its URL."""
    with subprocess.Popen([sys.executable, "-m", "fakes"], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield str(json.loads(process.stdout.readline())["url"])
        finally:
            process.terminate()


def answered(url: str) -> float:
    """Seconds that the provider itself takes for one message, its connection included."""
    began = time.perf_counter()
    with httpx.Client(trust_env=False) as client:
        made = time.perf_counter()  # a client's own making is no provider's time
        answer = client.post(f"{url}/v1/messages", json=_MESSAGE)
        seconds = time.perf_counter() - made
    if answer.status_code != 200:
        raise BenchError(f"the fakes answered {answer.status_code} after {time.perf_counter() - began:.1f} s")
    return seconds


def grow(where: Site, target: ReferenceTarget) -> None:
    """Multiply the one run and session that are there, until there are SESSIONS of them over AGENTS agents.

    Raises BenchError when there is not exactly one.
    """
    state = target.config_file(where).parent
    transcripts, tables = list(state.rglob("*.jsonl")), list(state.rglob("*.sqlite"))
    if len(transcripts) != 1 or len(tables) != 1:
        raise BenchError(f"one run should have left one transcript and one table, not {transcripts} and {tables}")
    sessions = transcripts[0].parent.parent
    for number in range(1, SESSIONS):
        folder = sessions / f"agent{number % AGENTS}"
        folder.mkdir(mode=0o700, exist_ok=True)
        shutil.copy2(transcripts[0], folder / f"session{number}.jsonl")
    with closing(sqlite3.connect(tables[0])) as connection, connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
        chosen = ", ".join({"id": "id || ?", "agent": "?", "session": "?"}.get(name, name) for name in columns)
        rows = [(f"-{n}", f"agent{n % AGENTS}", f"session{n}") for n in range(1, SESSIONS)]
        first = connection.execute("SELECT id FROM runs").fetchone()[0]
        connection.executemany(f"INSERT INTO runs SELECT {chosen} FROM runs WHERE id = '{first}'", rows)
