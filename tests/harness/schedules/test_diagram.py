"""The picture of a schedule."""

from __future__ import annotations

from harness.schedules.decisions import Fault
from harness.schedules.diagram import diagram
from harness.schedules.trace import Trace
from tests.harness.schedules.test_explain import at, lost, trace


def test_the_picture() -> None:
    assert diagram(lost(reads=True), [Fault("add-lane0", 1, "EINTR")]) == [
        "     add-lane0",
        "     | add-lane2",
        "   0   *  add-lane2.0: open openclaw.json",
        "   1   *  add-lane2.1: open add-lane2.tmp",
        "   2 * o  add-lane0.0: open openclaw.json",
        "   3 * |  add-lane0.1: open add-lane0.tmp !EINTR",
        "   4 * |  add-lane0.2: rename add-lane0.tmp openclaw.json",
        "   5   *  add-lane2.2: rename add-lane2.tmp openclaw.json",
    ]


def test_points_that_concern_nobody_else_are_counted() -> None:
    alone = [at("a", index, "write", f"a/{index}") for index in range(9)]
    assert diagram(trace(*alone, at("b", 0, "write", "x"), at("a", 9, "write", "x"))) == [
        "     a",
        "     | b",
        "   … *    a: 9 points that concern nobody else",
        "   9 | *  b.0: write x",
        "  10 *    a.9: write x",
    ]
    assert len(diagram(trace(*alone, at("b", 0, "write", "x")), [Fault("a", 4, "EIO")])) == 2 + 1 + 1 + 1 + 1


def test_nothing_is_drawn_of_nothing() -> None:
    assert diagram(Trace(())) == []
