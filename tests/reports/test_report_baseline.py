"""Expected verdicts: what is known stays quiet, every change is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reports.baseline import Baseline, Expected, Mismatch
from reports.errors import ReportError
from reports.record import Record, Result

New = Callable[..., Record]
Run = Callable[..., Result]


def written(path: Path, document: Any) -> Path:
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def test_a_record_meets_its_own_baseline_also_from_disk(tmp_path: Path, violated: Record) -> None:
    baseline = Baseline.from_record(violated)
    assert baseline.target == "openclaw@2026.3.8"
    assert baseline.expected["double_forked_build"] == Expected(
        verdict="VIOLATED", why="heartbeat (pid 703) is still alive 5 s later"
    )
    path = written(tmp_path / "baseline.json", baseline.dumps())
    assert Baseline.load(path) == baseline
    assert Baseline.load(path).compare(violated) == ()


def test_the_file_is_sorted_and_reads_as_documented(new_record: New, new_result: Run) -> None:
    baseline = Baseline.from_record(new_record(new_result(scenario="b"), new_result(scenario="a")))
    assert baseline.dumps().index('"a"') < baseline.dumps().index('"b"')
    assert json.loads(baseline.dumps()) == {
        "target": "reference@0.1.0",
        "expected": {"a": {"verdict": "CONFORMS", "why": ""}, "b": {"verdict": "CONFORMS", "why": ""}},
    }


def test_every_kind_of_mismatch(new_record: New, new_result: Run) -> None:
    expected = {
        "same": Expected(verdict="CONFORMS"),
        "fixed": Expected(verdict="VIOLATED", why="thread 43367"),
        "absent": Expected(verdict="UNSUPPORTED", why="no gateway"),
    }
    record = new_record(new_result(scenario="same"), new_result(scenario="fixed"), new_result(scenario="born"))
    found = Baseline(target="reference@0.1.0", expected=expected).compare(record)
    assert found == (
        Mismatch(scenario="fixed", kind="different", expected="VIOLATED", actual="CONFORMS", why="thread 43367"),
        Mismatch(scenario="born", kind="unlisted", expected=None, actual="CONFORMS"),
        Mismatch(scenario="absent", kind="not-run", expected="UNSUPPORTED", actual=None, why="no gateway"),
    )
    assert [str(mismatch) for mismatch in found] == [
        "fixed: expected VIOLATED (thread 43367), but it is CONFORMS",
        "born: CONFORMS, but the baseline does not list it",
        "absent: expected UNSUPPORTED (no gateway), but it did not run",
    ]


def test_one_result_can_be_compared(new_result: Run) -> None:
    baseline = Baseline(target="reference", expected={"four_adds_at_once": Expected(verdict="VIOLATED")})
    assert baseline.mismatch(new_result(verdict="VIOLATED")) is None
    assert str(baseline.mismatch(new_result())) == "four_adds_at_once: expected VIOLATED, but it is CONFORMS"
    unlisted = baseline.mismatch(new_result(scenario="born"))
    assert unlisted is not None
    assert unlisted.kind == "unlisted"


def test_a_scenario_that_ran_twice_is_its_worst(new_record: New, new_result: Run) -> None:
    twice = new_record(new_result(verdict="VIOLATED"), new_result())
    assert Baseline.from_record(twice).expected["four_adds_at_once"].verdict == "VIOLATED"


def test_a_baseline_may_be_for_every_version_but_not_for_another_target(new_record: New) -> None:
    assert Baseline(target="reference", expected={}).compare(new_record()) == ()
    for target in ("reference@0.2.0", "openclaw", ""):
        with pytest.raises(ReportError, match=r"the target is reference@0\.1\.0"):
            Baseline(target=target, expected={}).compare(new_record())


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "the baseline is not an object"),
        ({}, "lacks expected, target"),
        ({"target": "a", "expected": {}, "x": 1}, "unknown key x"),
        ({"target": 1, "expected": {}}, "target must be text"),
        ({"target": "a", "expected": []}, "expected an object"),
        ({"target": "a", "expected": {"s": "VIOLATED"}}, "s is not an object"),
        ({"target": "a", "expected": {"s": {}}}, "s lacks verdict"),
        ({"target": "a", "expected": {"s": {"verdict": "RED"}}}, "'RED' is not a verdict"),
        ({"target": "a", "expected": {"s": {"verdict": ["CONFORMS"]}}}, "is not a verdict"),
        ({"target": "a", "expected": {"s": {"verdict": "CONFORMS", "why": 3}}}, "why must be text"),
        ({"target": "a", "expected": {"s": {"verdict": "CONFORMS", "note": ""}}}, "unknown key note"),
        (
            '{"target": "a", "expected": {"s": {"verdict": "CONFORMS"}, "s": {"verdict": "VIOLATED"}}}',
            "s is listed twice",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_file_that_is_no_baseline(tmp_path: Path, document: Any, said: str) -> None:
    path = written(tmp_path / "baseline.json", document)
    with pytest.raises(ReportError) as caught:
        Baseline.load(path)
    assert said in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="cannot be read: No such file"):
        Baseline.load(tmp_path / "absent.json")
    (tmp_path / "latin.json").write_bytes(b'{"target": "\xff"}')
    with pytest.raises(ReportError, match="not JSON"):
        Baseline.load(tmp_path / "latin.json")


def test_a_later_record_renews_what_has_changed_and_keeps_the_rest(new_record: New, new_result: Run) -> None:
    before = {
        "same": Expected(verdict="CONFORMS", why="since 1.2"),
        "fixed": Expected(verdict="VIOLATED", why="thread 43367"),
        "absent": Expected(verdict="UNSUPPORTED", why="no gateway"),
    }
    record = new_record(new_result(scenario="same"), new_result(scenario="fixed"), new_result(scenario="born"))
    renewed = Baseline(target="reference", expected=before).renewed(record)
    assert renewed.target == "reference"
    assert renewed.expected == {
        "same": Expected(verdict="CONFORMS", why="since 1.2"),
        "fixed": Expected(verdict="CONFORMS"),
        "absent": Expected(verdict="UNSUPPORTED", why="no gateway"),
        "born": Expected(verdict="CONFORMS"),
    }
    assert {mismatch.kind for mismatch in renewed.compare(record)} == {"not-run"}


def test_another_targets_record_renews_nothing(new_record: New, new_result: Run) -> None:
    with pytest.raises(ReportError, match="this baseline is for pi"):
        Baseline(target="pi", expected={}).renewed(new_record(new_result(scenario="a")))


def test_the_summary_names_what_is_not_worth_expecting() -> None:
    expected = {"a": Expected(verdict="UNKNOWN"), "b": Expected(verdict="CONFORMS"), "c": Expected(verdict="CONFORMS")}
    assert Baseline(target="pi", expected=expected).summary() == (
        "2 CONFORMS, 1 UNKNOWN; run again, as nothing follows from their verdicts: a"
    )
