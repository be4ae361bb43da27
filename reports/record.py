"""The record of a session: the one schema that every report reads, which outlives the program that wrote it.

A record is plain JSON. Nothing here knows how a run was made; histories stay the JSON that the harness wrote,
so that old records can be rendered, compared and judged again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from reports import typed
from reports.errors import ReportError
from reports.escape import visible_json

SCHEMA = 1
_HINT = "give a record.json that a session has written: pytest scenarios/ --report DIR"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFacts:
    """Which program was under test."""

    name: str  # "reference", "variant:config-unlocked", "openclaw"
    version: str
    argv: tuple[str, ...] = ()  # how it is started, without a verb


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFacts:
    """One guarantee, as scenarios/rules.toml states it."""

    id: str
    name: str
    level: str  # MUST or SHOULD
    statement: str
    sources: tuple[str, ...] = ()
    reason: str = ""  # what is lost when it breaks
    definite: bool | None = None  # whether each finding is proof by itself; None in records that do not say


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFacts:
    """How often the rule broke in one arm. The control arm does the same work without the fault."""

    runs: int
    violated: int
    inconclusive: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingFacts:
    """One way in which a rule broke; `evidence` are sequence numbers of the history."""

    rule: str
    message: str
    evidence: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file of the target's state before and after the run; texts are redacted and bounded."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one scenario came to, with the history of its most telling run: first violation, else last."""

    scenario: str  # "four_adds_at_once"
    title: str  # the first line of its docstring
    where: str  # "scenarios/test_config.py::test_four_adds_at_once"
    rule: str
    verdict: str
    findings: tuple[FindingFacts, ...]
    fault: str  # what is done to the target, in words; "" when nothing is
    fault_arm: ArmFacts
    control_arm: ArmFacts
    replay: str  # one shell command that repeats the run
    token: str
    seconds: float
    control: str = ""  # what steered the run: stopped system calls, or a start barrier and repetition
    notes: tuple[str, ...] = ()
    not_verified: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()  # exact command lines, one an actor, with the environment that mattered
    history: tuple[Mapping[str, Any], ...] = ()  # events as JSON: seq, at, kind, and the kind's own fields
    files: tuple[FileChange, ...] = ()
    certificate: str = ""  # what an exploration of every schedule covered, in a paragraph
    schedule: tuple[str, ...] = ()  # of a run whose calls were ordered: why it violated, and the order, in lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A whole session."""

    created: str  # RFC 3339, UTC
    pileup: str  # our version
    command: str  # the command line of the session
    seed: int
    machine: Mapping[str, str]  # kernel, python, processors, conductor, …
    target: TargetFacts
    rules: tuple[RuleFacts, ...]
    results: tuple[Result, ...]
    schema: int = SCHEMA
    interrupted: bool = False
    notes: tuple[str, ...] = field(default=())

    def dumps(self) -> str:
        """The file's text: people look into it too, so nothing in it hides or turns what they see."""
        return visible_json(json.dumps(self, default=_fields, indent=1, ensure_ascii=False)) + "\n"


def _fields(value: Any) -> dict[str, Any]:
    """A dataclass as JSON has it. `asdict` copies every history besides, event for event."""
    return {each.name: getattr(value, each.name) for each in fields(value)}


class RecordError(ReportError):
    """The file is not a record that this version can read."""

    def __init__(self, message: str, hint: str = _HINT) -> None:
        super().__init__(message, hint)


def _items(value: Any) -> tuple[Any, ...]:
    """A JSON list (or what `asdict` made of a tuple). Text is not one, although Python would take it apart."""
    if not isinstance(value, list | tuple):
        raise TypeError(f"{value!r:.40} is not a list")
    return tuple(value)


def result_from_json(document: Mapping[str, Any]) -> Result:
    """Build a Result from parsed JSON. Raises KeyError or TypeError where a field is missing or unknown."""
    return Result(
        **{
            **document,
            "findings": tuple(FindingFacts(**{**f, "evidence": _items(f["evidence"])}) for f in document["findings"]),
            "fault_arm": ArmFacts(**document["fault_arm"]),
            "control_arm": ArmFacts(**document["control_arm"]),
            "files": tuple(FileChange(**change) for change in document["files"]),
            **{key: _items(document[key]) for key in ("notes", "not_verified", "commands", "history")},
            "schedule": _items(document.get("schedule", ())),  # records before 0.1.0 had none
        }
    )


def load(path: Path) -> Record:
    """Read a record.json. Raises RecordError, naming the file and what is wrong with it."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise RecordError(f"{path}: schema {document['schema']} is not {SCHEMA}", "use the Pileup that wrote it")
        record = Record(
            **{
                **document,
                "target": TargetFacts(**{**document["target"], "argv": _items(document["target"]["argv"])}),
                "rules": tuple(RuleFacts(**{**rule, "sources": _items(rule["sources"])}) for rule in document["rules"]),
                "results": tuple(result_from_json(result) for result in document["results"]),
                "notes": _items(document["notes"]),
            }
        )
        typed.check(record)
        return record
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}") from error
    except KeyError as error:
        raise RecordError(f"{path}: not a Pileup record: it lacks {error}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise RecordError(f"{path}: not a Pileup record: {error}") from error
