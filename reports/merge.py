"""Joins records of one target into one: repetitions on several machines, or parts of one session.

Counts are added, the worst verdict is kept with its history, and nothing is dropped in silence. Refuses
records of different targets, because a joint verdict would belong to neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reports import verdicts
from reports.errors import ReportError
from reports.record import ArmFacts, Record, Result, RuleFacts


def merge(records: Sequence[Record]) -> Record:
    """One record for all. Raises ReportError for none, for two targets, or for a record given twice."""
    _check(records)
    first = records[0]
    if len(records) == 1:
        return first
    return replace(
        first,
        created=max(record.created for record in records),
        pileup=", ".join(_distinct(record.pileup for record in records)),
        machine=_machine(records),
        rules=_rules(records),
        results=merge_results(result for record in records for result in record.results),
        interrupted=any(record.interrupted for record in records),
        notes=_distinct(
            [*_origins(records), *(note for record in records for note in record.notes), *_conflicts(records)]
        ),
    )


def _check(records: Sequence[Record]) -> None:
    if not records:
        raise ReportError("there are no records to merge", "name at least one record.json")
    targets = _distinct(f"{record.target.name} {record.target.version}" for record in records)
    if len(targets) > 1:
        raise ReportError(
            f"these records are of different targets: {', '.join(targets)}",
            "merge records of one target and version; use `pileup matrix` to set targets side by side",
        )
    for index, record in enumerate(records):
        if record.results and record in records[:index]:
            raise ReportError(
                f"the record of {record.created} is given twice, so its runs would count twice",
                "name each record once",
            )


def merge_results(results: Iterable[Result]) -> tuple[Result, ...]:
    """One result for each scenario and rule, repetitions counted together, the worst one's history kept."""
    joined: dict[tuple[str, str], Result] = {}
    for result in results:
        key = (result.scenario, result.rule)
        joined[key] = _join(joined[key], result) if key in joined else result
    return tuple(joined.values())


def _join(one: Result, other: Result) -> Result:
    """The worse of the two (the earlier when equal) with the counts of both."""
    kept = other if verdicts.severity(other.verdict) > verdicts.severity(one.verdict) else one
    return replace(
        kept,
        fault_arm=_add(one.fault_arm, other.fault_arm),
        control_arm=_add(one.control_arm, other.control_arm),
        seconds=one.seconds + other.seconds,
        notes=_distinct([*one.notes, *other.notes]),
        not_verified=_distinct([*one.not_verified, *other.not_verified]),
    )


def _add(one: ArmFacts, other: ArmFacts) -> ArmFacts:
    return ArmFacts(
        runs=one.runs + other.runs,
        violated=one.violated + other.violated,
        inconclusive=one.inconclusive + other.inconclusive,
        unknown=one.unknown + other.unknown,
    )


def _rules(records: Sequence[Record]) -> tuple[RuleFacts, ...]:
    rules: dict[str, RuleFacts] = {}
    for record in records:
        for rule in record.rules:
            rules.setdefault(rule.id, rule)
    return tuple(rules.values())


def _conflicts(records: Sequence[Record]) -> Iterable[str]:
    """Rules whose wording changed between the sessions: the verdicts then answer different questions."""
    first = {rule.id: rule for rule in reversed([rule for record in records for rule in record.rules])}
    changed = sorted({rule.id for record in records for rule in record.rules if rule != first[rule.id]})
    return [f"rule {rule} is stated differently in the merged records; the first wording is shown" for rule in changed]


def _machine(records: Sequence[Record]) -> dict[str, str]:
    keys = _distinct(key for record in records for key in record.machine)
    return {
        key: "; ".join(_distinct(str(record.machine[key]) for record in records if key in record.machine))
        for key in keys
    }


def _origins(records: Sequence[Record]) -> list[str]:
    return [f"merged from: {record.created}, seed {record.seed}, {record.command}" for record in records]


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
