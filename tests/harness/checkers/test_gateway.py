"""CHD-8: the smallest legal and illegal histories of a gateway that was killed and started again."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.gateway import restart_recovers as checker
from harness.checkers.gateway import restart_recovers_anywhere as anywhere
from tests.harness.histories import check, end, illegal, legal, runs_listed, start, struck, survivor, undecided

LOST = (start("cut", agent="a"), end("cut", ok=False, kind="ambiguous"))
AGAIN = start("gateway-2", "gateway run")
LISTED = runs_listed("list-after", "a", "interrupted")
WORKS = (start("after", agent="b"), end("after"))

CASES = [
    legal("recovered", checker, LOST, AGAIN, LISTED, WORKS),
    illegal("address-taken", checker, "CHD-8", "does not start again: |in use", [2, 3],
        LOST, AGAIN, end("gateway-2", "gateway run", ok=False, message="address in use"), LISTED, WORKS),
    illegal("success-claimed", checker, "CHD-8", "whose gateway was killed reports success", [1],
        start("cut", agent="a"), end("cut"), AGAIN, LISTED, WORKS),
    illegal("ghost", checker, "CHD-8", "run r-1 of the killed gateway is shown as running", [4],
        LOST, AGAIN, runs_listed("list-after", "a", "running"), WORKS),
    illegal("called-a-success", checker, "CHD-8", "shown as succeeded", [4],
        LOST, AGAIN, runs_listed("list-after", "a", "succeeded"), WORKS),
    illegal("forgotten", checker, "CHD-8", "not listed any more", [4],
        LOST, AGAIN, runs_listed("list-after", "b", "interrupted"), WORKS),
    illegal("lives-on", checker, "CHD-8", "a process of the killed gateway's run lives on: build 7", [2],
        LOST, survivor("gateway-1"), AGAIN, LISTED, WORKS),
    illegal("does-not-work", checker, "CHD-8", "after the restart a turn does not work", [6],
        LOST, AGAIN, LISTED, start("after", agent="b"), end("after", ok=False)),
    illegal("accepted-and-forgotten", checker, "CHD-8", "run detached that the killed gateway had is not listed", [6],
        LOST, start("detached", agent="d"), end("detached"), AGAIN, LISTED, WORKS),
    legal("not-accepted", checker, LOST, start("detached", agent="d"), end("detached", ok=False), AGAIN, LISTED, WORKS),
    legal("killed-at-its-start", anywhere, struck("s", "kill"), start("s-turn"), end("s-turn"), end("s-again")),
    illegal("killed-before-it-listens", anywhere, "CHD-8", "kill (kill at listen) the gateway does not start", [0, 1],
        struck("s", "kill", "listen"), end("s-again", ok=False), start("s-turn"), end("s-turn")),
    illegal("does-not-serve-again", anywhere, "CHD-8", "and a restart a turn does not work", [0, 2],
        struck("s", "kill"), start("s-turn"), end("s-turn", ok=False), end("s-again")),
    undecided("never-struck", anywhere, "no gateway was struck", start("unstruck-turn"), end("unstruck-turn")),
    undecided("never-restarted", checker, "gateway-2 was never started", LOST, LISTED, WORKS),
    undecided("nobody-came-after", checker, "after never came to an end", LOST, AGAIN, LISTED),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), CASES)
def test_gateways(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
