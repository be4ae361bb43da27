"""Targets side by side."""

from __future__ import annotations

from collections.abc import Callable

from markdown_it import MarkdownIt

from reports.matrix import matrix
from reports.record import Record, Result

New = Callable[..., Record]
Run = Callable[..., Result]


def test_scenarios_by_target_in_the_order_of_the_rules(new_record: New, new_result: Run) -> None:
    table = matrix(
        [
            new_record(new_result(rule="AUT-10", scenario="a"), new_result(rule="AUT-2", scenario="b")),
            new_record(
                new_result(rule="AUT-2", scenario="b", verdict="VIOLATED"),
                target="openclaw",
                version="2026.3.8",
            ),
        ]
    )
    assert table.header == ("rule", "scenario", "reference@0.1.0", "openclaw@2026.3.8")
    assert table.rows() == (("AUT-2", "b", "CONFORMS", "VIOLATED"), ("AUT-10", "a", "CONFORMS", ""))
    assert table.verdict(("AUT-10", "a"), "openclaw@2026.3.8") == ""


def test_rules_by_variant_take_the_worst_scenario(new_record: New, new_result: Run) -> None:
    variants = [
        new_record(new_result(scenario="a"), new_result(scenario="b", verdict="VIOLATED"), target="variant:unlocked"),
        new_record(new_result(scenario="a"), target="variant:torn"),
    ]
    table = matrix(variants, by="rule")
    assert table.header == ("rule", "name", "variant:unlocked", "variant:torn")
    assert table.rows() == (("CFG-1", "acknowledged-add-survives", "VIOLATED", "CONFORMS"),)


def test_one_target_twice_is_one_column(new_record: New, new_result: Run) -> None:
    records = [new_record(new_result()), new_record(new_result(verdict="UNKNOWN"))]
    for order in (records, records[::-1]):
        assert matrix(order).rows() == (("CFG-1", "four_adds_at_once", "UNKNOWN"),)


def test_markdown_has_a_symbol_for_each_verdict(new_record: New, new_result: Run) -> None:
    one = new_record(new_result(), new_result(scenario="x", verdict="VIOLATED"))
    text = matrix([one, new_record(target="empty")]).markdown()
    assert "| `CFG-1` | `four_adds_at_once` | ✓ CONFORMS | not run |" in text
    assert "| `CFG-1` | `x` | ✗ VIOLATED | not run |" in text


def test_nothing_gives_a_header_only() -> None:
    assert matrix([]).rows() == ()
    assert matrix([]).markdown() == "| rule | scenario |\n| --- | --- |\n"


def test_hostile_names_keep_their_cells(attacked: Record) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(matrix([attacked]).markdown())
    assert [token.type for token in tokens].count("td_open") == 3
    assert [token.type for token in tokens].count("th_open") == 3
