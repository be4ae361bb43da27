"""Judging stored histories again: a checker is pure, so yesterday's run can be asked today's question."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from harness.checkers.judge import failures_in, judge
from harness.errors import UsageError
from harness.events import Event, History
from harness.plan import Arm, Plan
from harness.scenario import Scenario
from reports.record import Record, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudged:
    """One scenario's verdict then and now."""

    scenario: str
    rule: str
    before: str
    now: str
    reasons: tuple[str, ...]


def rejudge(record: Record) -> Iterator[Rejudged]:
    """Judge every result that has a history. Raises UsageError for a scenario or an event that is no longer known."""
    for result in record.results:
        if not result.history:
            continue
        scenario = _scenario(result)
        try:
            history = History(tuple(Event.from_json(event) for event in result.history))
        except (KeyError, TypeError) as error:
            raise UsageError(
                f"{result.scenario}: its history holds an event that is not known here: {error}"
            ) from error
        control = Plan.parse(result.token).arm is Arm.CONTROL
        failures = failures_in(result.notes, scenario.judges, history)  # a run that broke off has not become whole
        judgement = judge(scenario.judges, history, failures, fault=scenario.fault, control=control)
        yield Rejudged(
            scenario=result.scenario,
            rule=result.rule,
            before=result.verdict,
            now=judgement.verdict.value,
            reasons=(*(finding.message for finding in judgement.findings), *judgement.notes),
        )


def _scenario(result: Result) -> Scenario:
    path, _, name = result.where.partition("::")
    try:
        module = ".".join(PurePath(path).with_suffix("").parts)
        found = getattr(importlib.import_module(module), name).scenario
    except (ImportError, AttributeError, ValueError, TypeError, SyntaxError) as error:
        raise UsageError(f"{result.where} is not here any more: {error}", hint="recheck from its checkout") from error
    if not isinstance(found, Scenario):
        raise UsageError(f"{result.where} is no scenario", hint="recheck from its checkout")
    return found
