"""RES-4: the smallest legal and illegal histories of commands with a small and with a large state."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.large_state import CHILDREN, DESCRIPTORS, FACTOR, HOLDINGS, gateway_keeps_nothing
from harness.checkers.large_state import large_state_costs_little as checker
from harness.events import FileSeen, Finished
from tests.harness.histories import check, end, illegal, legal, turn, undecided


def ended(state: str, cpu: float, number: int = 0, verb: str = "runs list", **ending: Any) -> Finished:
    return end(f"it-{number}-{state}", verb, cpu=cpu, **ending)


SMALL, SAME, FAILED = ended("small", 0.1), ended("large", 0.1), ended("large", 0.1, ok=False)
ADDS = (ended("small", 0.1, verb="agents add"), ended("large", 0.4, verb="agents add"))


def holding(descriptors: int, children: int = 1) -> FileSeen:
    facts = {DESCRIPTORS: descriptors, CHILDREN: children}
    return FileSeen(role=f"{HOLDINGS}g", path="/proc", exists=True, size=0, digest="", parses=None, facts=facts)


def gateways(*looks: FileSeen, **ending: Any) -> Any:
    return [event for number, look in enumerate(looks) for event in (*turn(f"turn-{number}", **ending), look)]


CASES = [
    legal("nothing-kept", gateway_keeps_nothing, gateways(holding(9), holding(9), holding(9))),
    legal("a-pool-fills", gateway_keeps_nothing, gateways(holding(9), holding(10), holding(10))),
    illegal("descriptors-kept", gateway_keeps_nothing, "RES-4", "more descriptors after each turn: 9, 10, 11",
        [2, 5, 8], gateways(holding(9), holding(10), holding(11))),
    illegal("zombies-kept", gateway_keeps_nothing, "RES-4", "more children after each turn: 0, 1, 2",
        [2, 5, 8], gateways(holding(9, 0), holding(9, 1), holding(9, 2))),
    undecided("seen-twice", gateway_keeps_nothing, "was not looked at", gateways(holding(9), holding(10))),
    undecided("turn-failed", gateway_keeps_nothing, "a turn of the gateway failed",
        gateways(holding(9), holding(10), holding(11), ok=False)),
    legal("the-same", checker, SMALL, SAME),
    legal("just-within", checker, SMALL, ended("large", 0.1 * FACTOR)),
    legal("the-cheapest-round-counts", checker, SMALL, ended("large", 9.0), ended("large", 0.1, 1)),
    legal("the-first-turn-is-not-compared", checker, SMALL, SAME, end("first-large", cpu=9.0)),
    illegal("dear", checker, "RES-4", "310 ms|100 ms|3.1 times", [0, 1], SMALL, ended("large", 0.31)),
    illegal("dear-in-every-round", checker, "RES-4", "8.0 times", [0, 2], SMALL, ended("large", 0.9),
        ended("large", 0.8, 1)),
    illegal("one-of-two", checker, "RES-4", "agents add took", [2, 3], SMALL, SAME, ADDS),
    illegal("fails", checker, "RES-4", "runs list failed with a large state", [1], SMALL, FAILED),
    undecided("nothing-ran", checker, "no command was run"),
    undecided("nothing-to-compare-with", checker, "nothing to compare", SAME),
    undecided("nothing-large", checker, "nothing to compare", SMALL),
    undecided("fails-anyway", checker, "nothing to compare", ended("small", 0.1, ok=False), FAILED),
    undecided("not-measured", checker, "was not measured", ended("small", 0.0), ended("large", 0.0)),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), CASES)
def test_large_state(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
