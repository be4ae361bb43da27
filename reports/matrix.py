"""Verdicts of several targets side by side: scenario by target, or rule by target.

It holds data and writes Markdown; drawing on a terminal is the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from reports import escape, verdicts
from reports.record import Record, Result

By = Literal["scenario", "rule"]
Key = tuple[str, str]  # rule and scenario; rule and its name when the table is by rule
NOT_RUN = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The table. `cells` lacks what was not run; a target that ran a scenario twice shows the worse."""

    by: By
    targets: tuple[str, ...]
    keys: tuple[Key, ...]
    cells: Mapping[tuple[Key, str], str]

    @property
    def header(self) -> tuple[str, ...]:
        return ("rule", "scenario" if self.by == "scenario" else "name", *self.targets)

    def verdict(self, key: Key, target: str) -> str:
        """The verdict of one cell, "" when the target did not run it."""
        return self.cells.get((key, target), NOT_RUN)

    def rows(self) -> tuple[tuple[str, ...], ...]:
        """The table's body: the key's two parts, then one verdict a target."""
        return tuple((*key, *(self.verdict(key, target) for target in self.targets)) for key in self.keys)

    def markdown(self) -> str:
        """The table for a README or an issue, each verdict with its symbol."""
        rows = [
            (*(escape.code(part) for part in row[:2]), *(_cell(verdict) for verdict in row[2:])) for row in self.rows()
        ]
        return escape.table([escape.prose(title) for title in self.header], rows)


def matrix(records: Sequence[Record], by: By = "scenario") -> Matrix:
    """Set records side by side. Records of the same target and version share a column."""
    cells: dict[tuple[Key, str], str] = {}
    for record in records:
        names = {rule.id: rule.name for rule in record.rules}
        for result in record.results:
            cell = (_key(result, names, by), title(record))
            cells[cell] = verdicts.worst([cells[cell], result.verdict]) if cell in cells else result.verdict
    targets = tuple(dict.fromkeys(title(record) for record in records))
    return Matrix(by=by, targets=targets, keys=tuple(sorted({key for key, _ in cells}, key=_sorting)), cells=cells)


def title(record: Record) -> str:
    """How a target is named in a heading; a variant's version is the reference's, and says nothing."""
    name, version = record.target.name, record.target.version
    return name if name.startswith("variant:") or not version else f"{name}@{version}"


def _key(result: Result, names: Mapping[str, str], by: By) -> Key:
    return (result.rule, result.scenario if by == "scenario" else names.get(result.rule, ""))


def _sorting(key: Key) -> tuple[str, int, str]:
    """AUT-2 before AUT-10."""
    family, _, number = key[0].rpartition("-")
    return (family, int(number) if number.isascii() and number.isdecimal() else 0, key[1])


def _cell(verdict: str) -> str:
    return "not run" if verdict == NOT_RUN else f"{verdicts.symbol(verdict)} {escape.prose(verdict)}"
