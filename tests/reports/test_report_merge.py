"""Records of one target add up; records of two do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from reports.errors import ReportError
from reports.merge import merge, merge_results
from reports.record import ArmFacts, Record, Result, RuleFacts

New = Callable[..., Record]
Run = Callable[..., Result]


def test_counts_are_added_and_the_worst_keeps_its_history(new_record: New, new_result: Run, lost: Result) -> None:
    first = new_record(new_result(notes=("a",)), created="2026-03-08T10:00:00Z", seed=1)
    second = new_record(replace(lost, notes=("b",)), created="2026-03-09T10:00:00Z", seed=2, interrupted=True)
    merged = merge([first, second])
    (result,) = merged.results
    assert (result.verdict, result.findings, result.history) == ("VIOLATED", lost.findings, lost.history)
    assert result.fault_arm == ArmFacts(runs=40, violated=20)
    assert result.control_arm == ArmFacts(runs=10, violated=0)
    assert result.seconds == 2.5
    assert result.notes == ("a", "b")
    assert result.replay == lost.replay
    assert merged.created == "2026-03-09T10:00:00Z"
    assert merged.interrupted
    assert [note for note in merged.notes if "seed 2" in note]


def test_the_order_does_not_change_the_verdict(new_record: New, new_result: Run, lost: Result) -> None:
    one, other = new_record(new_result()), new_record(lost)
    assert merge([one, other]).results == merge([other, one]).results


def test_every_arm_field_is_added(new_record: New, new_result: Run) -> None:
    arm = ArmFacts(runs=10, violated=1, inconclusive=2, unknown=3)
    merged = merge([new_record(new_result(control_arm=arm), seed=seed) for seed in (1, 2, 3)])
    assert merged.results[0].control_arm == ArmFacts(runs=30, violated=3, inconclusive=6, unknown=9)


def test_different_scenarios_and_rules_stand_side_by_side(new_record: New, new_result: Run) -> None:
    one = new_record(new_result(), new_result(rule="CFG-8"))
    other = new_record(new_result(scenario="other"))
    assert [(result.rule, result.scenario) for result in merge([one, other]).results] == [
        ("CFG-1", "four_adds_at_once"),
        ("CFG-8", "four_adds_at_once"),
        ("CFG-1", "other"),
    ]


def test_machines_and_versions_are_all_named(new_record: New) -> None:
    merged = merge(
        [
            new_record(machine={"processors": "4"}),
            new_record(machine={"processors": "8", "kernel": "6.8"}, pileup="0.2.0"),
        ]
    )
    assert merged.machine == {"processors": "4; 8", "kernel": "6.8"}
    assert merged.pileup == "0.1.0, 0.2.0"


def test_a_rule_that_changed_its_words_is_noted(new_record: New) -> None:
    rule = RuleFacts(id="CFG-1", name="n", level="MUST", statement="old")
    merged = merge([new_record(rules=(rule,)), new_record(rules=(replace(rule, statement="new"),))])
    assert merged.rules == (rule,)
    assert [note for note in merged.notes if "rule CFG-1 is stated differently" in note]


def test_results_alone_can_be_merged(new_result: Run, lost: Result) -> None:
    (joined,) = merge_results([new_result(), lost, new_result()])
    assert (joined.verdict, joined.fault_arm) == ("VIOLATED", ArmFacts(runs=60, violated=20))
    assert merge_results([]) == ()


def test_one_record_is_itself(violated: Record) -> None:
    assert merge([violated]) is violated


def test_none_is_refused() -> None:
    with pytest.raises(ReportError, match="no records"):
        merge([])


@pytest.mark.parametrize("other", [{"target": "openclaw"}, {"version": "9"}])
def test_two_targets_are_refused(new_record: New, other: dict[str, str]) -> None:
    with pytest.raises(ReportError, match=r"different targets: reference 0\.1\.0, ") as caught:
        merge([new_record(), new_record(**other)])
    assert "matrix" in caught.value.hint


def test_one_record_twice_is_refused(violated: Record) -> None:
    with pytest.raises(ReportError, match="given twice"):
        merge([violated, violated])
