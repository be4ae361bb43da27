"""LCK-9: the smallest legal and illegal histories of several gateways for one state directory."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.one_gateway import one_gateway as checker
from tests.harness.histories import check, end, exited, illegal, legal, runs_listed, start, undecided

ONE, TWO = start("gateway-1", "gateway run"), start("gateway-2", "gateway run")
REFUSED = (exited("gateway-2", 75), end("gateway-2", "gateway run", ok=False, exit_status=75))
KEPT = start("kept", agent="a")
WORKS = (start("after", agent="b"), end("after"))

CASES = [
    legal("alone", checker, ONE, WORKS),
    legal("the-second-is-refused", checker, ONE, TWO, REFUSED, WORKS),
    legal("the-first-ends-afterwards", checker, ONE, TWO, REFUSED, WORKS, exited("gateway-1")),
    legal("it-keeps-its-turn", checker,
        ONE, KEPT, TWO, REFUSED, runs_listed("list-kept", "a", "running"), end("kept"), WORKS),
    illegal("both", checker, "LCK-9", "gateway-1 and gateway-2 went on", [0, 1, 2], ONE, TWO, WORKS),
    illegal("neither", checker, "LCK-9", "none went on", [6],
        ONE, exited("gateway-1", 1), end("gateway-1", "gateway run", ok=False), TWO, REFUSED, WORKS),
    illegal("without-a-word", checker, "LCK-9", "gateway-2 does not serve, and does not say so", [3],
        ONE, TWO, exited("gateway-2", 1), end("gateway-2", "gateway run", ok=False, code=""), WORKS),
    illegal("as-a-success", checker, "LCK-9", "gateway-2 does not serve, and does not say so", [3],
        ONE, TWO, exited("gateway-2"), end("gateway-2", "gateway run"), WORKS),
    illegal("called-over", checker, "LCK-9", "the turn that the first still has is shown as interrupted", [6],
        ONE, KEPT, TWO, REFUSED, runs_listed("list-kept", "a", "interrupted"), end("kept"), WORKS),
    illegal("forgotten", checker, "LCK-9", "the turn that the first still has is not listed any more", [6],
        ONE, KEPT, TWO, REFUSED, runs_listed("list-kept", "b", "running"), end("kept"), WORKS),
    illegal("broken-off", checker, "LCK-9", "another gateway was started, and the turn kept does not work", [5],
        ONE, KEPT, TWO, REFUSED, end("kept", ok=False), WORKS),
    undecided("nobody-came-after", checker, "after was never started", ONE, TWO, REFUSED),
    undecided("no-list", checker, "the runs could not be listed",
        ONE, KEPT, TWO, REFUSED, start("list-kept", "runs list"), end("list-kept", "runs list", ok=False), WORKS),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), CASES)
def test_one_gateway(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
