"""Verdicts that changed between two records."""

from __future__ import annotations

from collections.abc import Callable

from reports.diff import Change, diff, render
from reports.record import Record, Result

New = Callable[..., Record]
Run = Callable[..., Result]


def test_the_same_record_has_no_change(violated: Record) -> None:
    assert diff(violated, violated) == ()
    assert render(()) == "No verdict changed.\n"


def test_counts_and_histories_are_no_change(new_record: New, new_result: Run, lost: Result) -> None:
    bare = new_result(verdict="VIOLATED")
    assert diff(new_record(lost), new_record(bare)) == ()


def test_every_kind_of_change_worst_first(new_record: New, new_result: Run) -> None:
    old = new_record(
        new_result(scenario="better", verdict="VIOLATED"),
        new_result(scenario="worse"),
        new_result(scenario="gone"),
    )
    new = new_record(
        new_result(scenario="better"),
        new_result(scenario="worse", verdict="UNSUPPORTED"),
        new_result(scenario="born"),
    )
    assert diff(old, new) == (
        Change(scenario="worse", rule="CFG-1", kind="worse", old="CONFORMS", new="UNSUPPORTED"),
        Change(scenario="gone", rule="CFG-1", kind="removed", old="CONFORMS", new=None),
        Change(scenario="born", rule="CFG-1", kind="new", old=None, new="CONFORMS"),
        Change(scenario="better", rule="CFG-1", kind="better", old="VIOLATED", new="CONFORMS"),
    )
    assert render(diff(old, new)).splitlines() == [
        "worse    CFG-1  worse   ✓ CONFORMS → — UNSUPPORTED",
        "removed  CFG-1  gone    ✓ CONFORMS → (not run)",
        "new      CFG-1  born    (not run) → ✓ CONFORMS",
        "better   CFG-1  better  ✗ VIOLATED → ✓ CONFORMS",
    ]


def test_a_scenario_that_ran_twice_counts_with_its_worst(new_record: New, new_result: Run) -> None:
    twice = new_record(new_result(verdict="UNKNOWN"), new_result())
    (change,) = diff(new_record(new_result()), twice)
    assert (change.kind, change.new) == ("worse", "UNKNOWN")


def test_an_unknown_word_is_worse_than_green(new_record: New, new_result: Run) -> None:
    (change,) = diff(new_record(new_result()), new_record(new_result(verdict="GREENISH")))
    assert change.kind == "worse"


def test_what_is_printed_cannot_steer_the_terminal(new_record: New, new_result: Run) -> None:
    text = render(diff(new_record(), new_record(new_result(scenario="a\x1b[2Jb\nc"))))
    assert "\x1b" not in text
    assert len(text.splitlines()) == 1
