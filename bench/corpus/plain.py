"""Runs a program without any control over its schedule: all actors at once, or one after the other."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.corpus.catalog import CorpusError, Program, Twin
from bench.corpus.judge import Ending, judge
from bench.corpus.materials import ActorCommand, materialise

PATIENCE = 60.0  # seconds; every program ends by itself in far less
ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}


def at_once(program: Program, twin: Twin, *, cache: Path) -> str | None:
    """Start every actor, wait for all of them, judge. Raises CorpusError when one does not end."""
    with _prepared(program, twin, cache) as (folder, commands):
        running = {command.label: _start(command, folder) for command in commands}
        return judge(program, folder, _finish(program, running))


def one_by_one(program: Program, twin: Twin, *, cache: Path) -> str | None:
    """Start each actor when the one before it has ended, then judge. Raises CorpusError when one does not end."""
    with _prepared(program, twin, cache) as (folder, commands):
        endings: dict[str, Ending] = {}
        for command in commands:
            endings |= _finish(program, {command.label: _start(command, folder)})
        return judge(program, folder, endings)


@contextmanager
def _prepared(program: Program, twin: Twin, cache: Path) -> Iterator[tuple[Path, tuple[ActorCommand, ...]]]:
    with TemporaryDirectory(prefix="pileup-corpus-") as root:
        yield Path(root), materialise(program, twin, Path(root), cache=cache)


def _start(command: ActorCommand, folder: Path) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            command.argv, cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    except OSError as error:
        raise CorpusError(f"{command.argv[0]} could not be started: {error}") from error


def _finish(program: Program, running: Mapping[str, subprocess.Popen[str]]) -> dict[str, Ending]:
    endings: dict[str, Ending] = {}
    try:
        for label, process in running.items():
            output, errors = process.communicate(timeout=PATIENCE)
            endings[label] = Ending(status=process.returncode, output=output, errors=errors)
    except subprocess.TimeoutExpired as error:
        raise CorpusError(f"{program.name}: an actor did not end within {PATIENCE:g} s") from error
    finally:
        for process in running.values():
            if process.poll() is None:
                process.kill()
                process.communicate()
    return endings
