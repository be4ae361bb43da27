"""What changed between two records: verdicts per scenario, scenarios that came or went.

It compares verdicts only; counts and histories differ from run to run and mean nothing side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reports import escape, verdicts
from reports.record import Record

Kind = Literal["worse", "better", "new", "removed"]
_ORDER: tuple[Kind, ...] = ("worse", "removed", "new", "better")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One scenario whose verdict is not what it was. `old` is None for a new one, `new` for a removed one."""

    scenario: str
    rule: str
    kind: Kind
    old: str | None
    new: str | None


def diff(old: Record, new: Record) -> tuple[Change, ...]:
    """Every change, the worst first, else in the order of the records."""
    before, after = _verdicts(old), _verdicts(new)
    changes = [_change(key, before.get(key), after.get(key)) for key in {**before, **after}]
    return tuple(sorted((change for change in changes if change), key=lambda change: _ORDER.index(change.kind)))


def render(changes: Sequence[Change]) -> str:
    """One line a change, aligned and safe to print; a sentence when there is none."""
    if not changes:
        return "No verdict changed.\n"
    rows = [
        (
            change.kind,
            escape.line(change.rule),
            escape.line(change.scenario),
            f"{_word(change.old)} → {_word(change.new)}",
        )
        for change in changes
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ("  ".join([*map(str.ljust, row[:3], widths), row[3]]) for row in rows)
    return "\n".join(lines) + "\n"


def _verdicts(record: Record) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for result in record.results:
        key = (result.rule, result.scenario)
        found[key] = verdicts.worst([found[key], result.verdict]) if key in found else result.verdict
    return found


def _change(key: tuple[str, str], old: str | None, new: str | None) -> Change | None:
    if old == new:
        return None
    rule, scenario = key
    return Change(scenario=scenario, rule=rule, kind=_kind(old, new), old=old, new=new)


def _kind(old: str | None, new: str | None) -> Kind:
    if old is None:
        return "new"
    if new is None:
        return "removed"
    return "worse" if verdicts.severity(new) > verdicts.severity(old) else "better"


def _word(verdict: str | None) -> str:
    return "(not run)" if verdict is None else f"{verdicts.symbol(verdict)} {escape.line(verdict)}"
