"""What a target is known to do: the expected verdict of each scenario, with the reason.

A baseline lets a build stay green on known violations of somebody else's program and turn red on any change,
for better or worse. It refuses to be compared with another target's record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from reports import escape, verdicts
from reports.errors import ReportError
from reports.record import Record, Result

Kind = Literal["different", "not-run", "unlisted"]
_SHAPE = '{"target": "name@version", "expected": {"scenario": {"verdict": "VIOLATED", "why": "…"}}}'

_UNDECIDED = (verdicts.UNKNOWN, verdicts.INCONCLUSIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The verdict that one scenario should come to, and why it is not CONFORMS."""

    verdict: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A scenario that did not come to what was expected; `actual` is None when it did not run."""

    scenario: str
    kind: Kind
    expected: str | None
    actual: str | None
    why: str = ""

    def __str__(self) -> str:
        return escape.line(f"{self.scenario}: {self._said()}", 400)

    def _said(self) -> str:
        reason = f" ({self.why})" if self.why else ""
        if self.kind == "not-run":
            return f"expected {self.expected}{reason}, but it did not run"
        if self.kind == "unlisted":
            return f"{self.actual}, but the baseline does not list it"
        return f"expected {self.expected}{reason}, but it is {self.actual}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Expectations for one target, "name@version", or "name" for every version of it."""

    target: str
    expected: Mapping[str, Expected]

    @staticmethod
    def load(path: Path) -> Baseline:
        """Read a baseline. Raises ReportError, naming the file and what is wrong with it."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_unique)
        except OSError as error:
            raise ReportError(f"{path}: cannot be read: {error.strerror}", "name a baseline file") from error
        except (ValueError, RecursionError) as error:
            raise ReportError(f"{path}: not JSON: {error}", f"write {_SHAPE}") from error
        try:
            return _baseline(document)
        except ReportError as error:
            raise ReportError(f"{path}: {error.message}", error.hint) from None

    @staticmethod
    def from_record(record: Record) -> Baseline:
        """Take what happened as what is expected; the reasons are the findings, to be edited."""
        found: dict[str, Expected] = {}
        for result in record.results:
            known = found.get(result.scenario)
            if known is None or verdicts.severity(result.verdict) > verdicts.severity(known.verdict):
                why = result.findings[0].message if result.findings else ""
                found[result.scenario] = Expected(verdict=result.verdict, why=why)
        return Baseline(target=_name(record), expected=found)

    def renewed(self, record: Record) -> Baseline:
        """With what a later record came to; who has the same verdict as before keeps its reason.

        Raises ReportError for another target's record.
        """
        self.check_target(record.target.name, record.target.version)
        new = Baseline.from_record(record).expected
        changed = {name: entry for name, entry in new.items() if self._verdict(name) != entry.verdict}
        return Baseline(target=self.target, expected={**self.expected, **changed})

    def compare(self, record: Record) -> tuple[Mismatch, ...]:
        """Every difference, in the order of the record, then what did not run.

        Raises ReportError for another target's record.
        """
        self.check_target(record.target.name, record.target.version)
        actual = Baseline.from_record(record).expected
        found = [_mismatch(name, self.expected.get(name), actual.get(name)) for name in {**actual, **self.expected}]
        return tuple(mismatch for mismatch in found if mismatch)

    def check_target(self, name: str, version: str) -> None:
        """Raises ReportError when this baseline is for another target."""
        if self.target not in (f"{name}@{version}", name):
            raise ReportError(
                f"this baseline is for {self.target}, the target is {name}@{version}",
                "use that target's baseline, or write a new one from its record",
            )

    def mismatch(self, result: Result) -> Mismatch | None:
        """How one result differs from what is expected of its scenario, if it does."""
        actual = Expected(verdict=result.verdict)
        return _mismatch(result.scenario, self.expected.get(result.scenario), actual)

    def summary(self) -> str:
        """How many scenarios are expected to come to each verdict, and which of them it is not worth expecting."""
        found = [entry.verdict for entry in self.expected.values()]
        counts = ", ".join(f"{found.count(verdict)} {verdict}" for verdict in verdicts.ORDER if verdict in found)
        vain = [name for name, entry in self.expected.items() if entry.verdict in _UNDECIDED]
        return counts + (f"; run again, as nothing follows from their verdicts: {', '.join(vain)}" if vain else "")

    def _verdict(self, scenario: str) -> str | None:
        known = self.expected.get(scenario)
        return known.verdict if known else None

    def dumps(self) -> str:
        """The file's text, sorted so that a change is a small diff."""
        expected = {name: {"verdict": entry.verdict, "why": entry.why} for name, entry in sorted(self.expected.items())}
        return json.dumps({"target": self.target, "expected": expected}, indent=2, ensure_ascii=False) + "\n"


def _name(record: Record) -> str:
    return f"{record.target.name}@{record.target.version}"


def _mismatch(scenario: str, expected: Expected | None, actual: Expected | None) -> Mismatch | None:
    if expected is None:
        verdict = actual.verdict if actual else None
        return Mismatch(scenario=scenario, kind="unlisted", expected=None, actual=verdict)
    if actual is None:
        return Mismatch(scenario=scenario, kind="not-run", expected=expected.verdict, actual=None, why=expected.why)
    if actual.verdict == expected.verdict:
        return None
    return Mismatch(
        scenario=scenario,
        kind="different",
        expected=expected.verdict,
        actual=actual.verdict,
        why=expected.why,
    )


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """JSON lets a key stand twice and drops the first; here that would drop an expectation."""
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)} is listed twice")
    return dict(pairs)


def _baseline(document: Any) -> Baseline:
    fields = _fields(document, "the baseline", {"target", "expected"}, {"target", "expected"})
    if not isinstance(fields["target"], str) or not isinstance(fields["expected"], dict):
        raise ReportError("target must be text and expected an object", f"write {_SHAPE}")
    expected = {name: _expected(name, entry) for name, entry in fields["expected"].items()}
    return Baseline(target=fields["target"], expected=expected)


def _expected(name: str, entry: Any) -> Expected:
    fields = _fields(entry, name, {"verdict"}, {"verdict", "why"})
    if fields["verdict"] not in verdicts.ORDER:
        raise ReportError(
            f"{name}: {fields['verdict']!r} is not a verdict",
            f"use one of {', '.join(reversed(verdicts.ORDER))}",
        )
    if not isinstance(fields.get("why", ""), str):
        raise ReportError(f"{name}: why must be text", f"write {_SHAPE}")
    return Expected(verdict=fields["verdict"], why=fields.get("why", ""))


def _fields(value: Any, what: str, needed: set[str], known: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ReportError(f"{what} is not an object", f"write {_SHAPE}")
    if missing := needed - set(value):
        raise ReportError(f"{what} lacks {', '.join(sorted(missing))}", f"write {_SHAPE}")
    if unknown := set(value) - known:
        raise ReportError(f"{what} has an unknown key {', '.join(sorted(unknown))}", f"write {_SHAPE}")
    return value
