"""What the corpus holds: corpus.toml, read strictly into records.

A key that nobody reads is an error here, because a label that was misspelt would silently be a label that is absent.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from bench.rounds import BenchError

HERE = Path(__file__).resolve().parent
CATALOG = HERE / "corpus.toml"
PROGRAMS = HERE / "programs"
POWER_LOSS = "missing-fsync"  # the class whose bugs no schedule shows


class CorpusError(BenchError):
    """The corpus itself is wrong: its catalog, or a program in it that cannot be built."""


class Language(Enum):
    """What a program is written in; the value is the ending of its source."""

    PYTHON = "py"
    NODE = "js"
    SHELL = "sh"
    C = "c"


class Twin(Enum):
    """Which of the two."""

    BUGGY = "buggy"
    REPAIRED = "repaired"


class Need(Enum):
    """A family of calls that a search must stop to reach the bug, when all actors are started at once."""

    READ = "read"  # open for reading, stat, access, readdir
    LOCK = "lock"  # POSIX locks


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """One process of a program. `{dir}` in an argument stands for the shared folder."""

    label: str
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One bug and its repair.

    `depth` counts the constraints between events of different processes that must hold for the bug to show, and
    `because` names them. `failing` is an order that fails, in the words that `proof` reads. `setup` is what the shared
    folder holds before anybody starts: a file's text by its name, a name with a slash at its end for a folder.
    """

    name: str
    bug: str  # its class; `class` is taken
    depth: int
    because: str
    story: str
    language: Language
    actors: tuple[Actor, ...]
    setup: Mapping[str, str]
    failing: tuple[str, ...]
    hard: bool = False  # repetition finds it rarely or never
    survives_kill: bool = False  # the repaired twin, and a kill at any call of any actor
    needs: frozenset[Need] = frozenset()
    tools: tuple[str, ...] = ()  # commands that it starts besides its interpreter
    durable: tuple[str, ...] = ()  # what must outlive a loss of power once its writer has exited with 0

    @property
    def folder(self) -> Path:
        return PROGRAMS / self.name

    def source(self, twin: Twin) -> Path:
        return self.folder / f"{twin.value}.{self.language.value}"

    @property
    def scheduled(self) -> bool:
        """Whether a schedule shows the bug; those that only a loss of power shows are counted apart."""
        return self.bug != POWER_LOSS


_LANGUAGES = {language.name.lower(): language for language in Language}
_TEXTS = {"class", "because", "story", "language"}
_REQUIRED = {*_TEXTS, "depth", "actors"}
_OPTIONAL = {"setup", "failing", "hard", "survives_kill", "needs", "tools", "durable"}


def load(path: Path = CATALOG) -> tuple[Program, ...]:
    """Every program, in the catalog's order. Raises CorpusError, naming the program and the key."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path.name} cannot be read: {error}") from error
    return tuple(_program(name, table) for name, table in tables.items())


def named(programs: Iterable[Program], names: Sequence[str]) -> tuple[Program, ...]:
    """Those so named; all where none is. Raises CorpusError for a name that none of them has."""
    known = {program.name: program for program in programs}
    if unknown := [name for name in names if name not in known]:
        raise CorpusError(f"there is no program {unknown[0]!r}; there are {', '.join(known)}")
    return tuple(known[name] for name in names or known)


def _program(name: str, table: Any) -> Program:
    if not isinstance(table, dict):
        raise CorpusError(f"{name}: a program is a table: [{name}]")
    _check_keys(name, table)
    language = _LANGUAGES.get(table["language"])
    if language is None:
        raise CorpusError(f"{name}: language {table['language']!r} is none of {', '.join(_LANGUAGES)}")
    program = Program(
        name=name, bug=table["class"], depth=table["depth"], because=table["because"], story=table["story"],
        language=language, actors=_actors(name, table["actors"]), setup=_setup(name, table.get("setup", {})),
        failing=_texts(name, "failing", table), hard=table.get("hard", False),
        survives_kill=table.get("survives_kill", False), needs=_needs(name, table),
        tools=_texts(name, "tools", table), durable=_texts(name, "durable", table),
    )  # fmt: skip
    _check_sense(program)
    return program


def _check_keys(name: str, table: Mapping[str, Any]) -> None:
    if missing := sorted(_REQUIRED - table.keys()):
        raise CorpusError(f"{name}: {', '.join(missing)} missing")
    if unknown := sorted(table.keys() - _REQUIRED - _OPTIONAL):
        raise CorpusError(f"{name}: unknown key {unknown[0]!r}; known are {', '.join(sorted(_REQUIRED | _OPTIONAL))}")
    for key in _TEXTS:
        if not isinstance(table[key], str) or not table[key].strip():
            raise CorpusError(f"{name}: {key} is a text that says something")
    if type(table["depth"]) is not int or not 1 <= table["depth"] <= 4:
        raise CorpusError(f"{name}: depth is a number from 1 to 4, not {table['depth']!r}")
    for key in ("hard", "survives_kill"):
        if not isinstance(table.get(key, False), bool):
            raise CorpusError(f"{name}: {key} is true or false")


def _actors(name: str, rows: Any) -> tuple[Actor, ...]:
    if not isinstance(rows, dict) or not 1 <= len(rows) <= 4:
        raise CorpusError(f"{name}: actors is a table of one to four: label = [arguments]")
    return tuple(Actor(label=label, args=_texts(name, label, rows)) for label in rows)


def _setup(name: str, files: Any) -> Mapping[str, str]:
    if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
        raise CorpusError(f'{name}: setup is a table: "file" = "its text", or "folder/" = ""')
    if outside := [file for file in files if file.startswith("/") or ".." in Path(file).parts]:
        raise CorpusError(f"{name}: {outside[0]!r} in setup lies outside the shared folder")
    return dict(files)


def _needs(name: str, table: Mapping[str, Any]) -> frozenset[Need]:
    words = _texts(name, "needs", table)
    try:
        return frozenset(map(Need, words))
    except ValueError as error:
        raise CorpusError(f"{name}: needs: {error}; known are {', '.join(need.value for need in Need)}") from error


def _texts(name: str, key: str, table: Mapping[str, Any]) -> tuple[str, ...]:
    texts = table.get(key, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise CorpusError(f"{name}: {key} is a list of texts")
    return tuple(texts)


def _check_sense(program: Program) -> None:
    """What the keys say must fit together, and the files that they stand for must be there."""
    if program.scheduled and (len(program.actors) < 2 or not program.failing):
        raise CorpusError(f"{program.name}: a bug of schedules has two actors or more, and a failing order")
    if not program.scheduled and not program.durable:
        raise CorpusError(f"{program.name}: a bug of class {POWER_LOSS} says what must be durable")
    labels = {actor.label for actor in program.actors}
    if strangers := [step for step in program.failing if step.partition(":")[0] not in labels]:
        raise CorpusError(f"{program.name}: {strangers[0]!r} in failing names none of {', '.join(sorted(labels))}")
    for path in (*map(program.source, Twin), program.folder / "check.py"):
        if not path.is_file():
            raise CorpusError(f"{program.name}: there is no {path.relative_to(HERE)}")
