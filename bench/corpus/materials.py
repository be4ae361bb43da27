"""Makes one run's shared folder and the command lines of its actors. It starts nothing but the C compiler."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.corpus.catalog import CorpusError, Language, Program, Twin

_COMPILE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorCommand:
    """How to start one actor.

    A Python one may instead be executed inside an interpreter that runs already: `source` as `__main__`, with
    `sys.argv` of the source's path and `args`.
    """

    label: str
    argv: tuple[str, ...]
    source: Path
    args: tuple[str, ...]


def unavailable(program: Program) -> str | None:
    """Why the program cannot be run on this machine; None if it can."""
    wanted = {Language.NODE: ("node",), Language.SHELL: ("sh",), Language.C: ("cc",)}.get(program.language, ())
    missing = [name for name in (*wanted, *program.tools) if shutil.which(name) is None]
    return f"there is no {' and no '.join(missing)} on the PATH" if missing else None


def runnable(programs: Iterable[Program]) -> tuple[list[Program], list[str]]:
    """Those that can be run on this machine, and in words why others cannot."""
    reasons = [(program, unavailable(program)) for program in programs]
    notes = [f"skipped, {program.name}: {reason}" for program, reason in reasons if reason]
    return [program for program, reason in reasons if not reason], notes


def materialise(program: Program, twin: Twin, folder: Path, *, cache: Path) -> tuple[ActorCommand, ...]:
    """Fill the shared folder, which must exist, and say how to start the actors, in the catalog's order.

    What is compiled is kept in `cache` under a name made from its source. Raises CorpusError.
    """
    if reason := unavailable(program):
        raise CorpusError(f"{program.name} cannot be run: {reason}")
    for name, text in program.setup.items():
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    source = program.source(twin)
    before = _interpreter(program.language, source, cache)
    return tuple(_command(actor.label, before, source, actor.args, folder) for actor in program.actors)


def _command(
    label: str, before: tuple[str, ...], source: Path, templates: tuple[str, ...], folder: Path
) -> ActorCommand:
    args = tuple(template.replace("{dir}", str(folder)) for template in templates)
    return ActorCommand(label=label, argv=(*before, *args), source=source, args=args)


def _interpreter(language: Language, source: Path, cache: Path) -> tuple[str, ...]:
    """The words before a program's own arguments."""
    match language:
        case Language.PYTHON:
            return (sys.executable, "-S", "-E", str(source))
        case Language.NODE:
            return (shutil.which("node") or "node", str(source))
        case Language.SHELL:
            return (shutil.which("sh") or "sh", str(source))
        case Language.C:
            return (str(_compiled(source, cache)),)


def _compiled(source: Path, cache: Path) -> Path:
    """The program that a C source makes. Two who compile at once do no harm: the last rename wins, with the same."""
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    binary = cache / f"{source.parent.name}-{source.stem}-{digest}"
    if binary.exists():
        return binary
    cache.mkdir(parents=True, exist_ok=True)
    own = binary.with_name(f"{binary.name}.{os.getpid()}")
    argv = ("cc", "-O1", "-Wall", "-Wextra", "-Werror", "-o", str(own), str(source))
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_COMPILE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CorpusError(f"{source.parent.name}: the compiler could not be run: {error}") from error
    if done.returncode != 0:
        raise CorpusError(f"{source.parent.name}: cc refuses {source.name}: {done.stderr.strip()[-600:]}")
    own.rename(binary)
    return binary
