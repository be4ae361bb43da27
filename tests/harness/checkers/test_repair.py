"""OPS-6: the smallest legal and illegal histories of check-ups and repairs."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.repair import check_up_is_right, repair_harms_nobody
from tests.harness.histories import (
    asked,
    check,
    end,
    file,
    illegal,
    legal,
    replied,
    runs_listed,
    start,
    turn,
    undecided,
)

RIGHT = check_up_is_right
BEFORE = (end("list", "agents list", agents=("lane0",)), start("first"), end("first"))


def doctor(name: str, *, ok: bool = True, **more: Any) -> tuple[Any, ...]:
    """A check-up of the round "a", or its repair."""
    return start(name, "doctor", repair=name.endswith("repair")), end(name, "doctor", ok=ok, **more)


LISTED = (start("a-list", "agents list"), end("a-list", "agents list", agents=("lane0", "lane1")))
WORKS = (start("a-turn"), asked(1, "a-turn", markers=("first", "a-turn")), end("a-turn"), *LISTED)
CLOSED, OPENED = (file("credentials", path="LAB/home/credentials.json", mode=mode) for mode in (0o600, 0o644))
CHECKS = [
    legal("all-well", RIGHT, BEFORE, doctor("a-look"), WORKS),
    legal("sound-and-said", RIGHT, BEFORE, doctor("sound-look"), doctor("a-look"), WORKS),
    illegal("sound-and-denied", RIGHT, "OPS-6", "finds fault with a state that nobody has damaged", [4],
        BEFORE, doctor("sound-look", ok=False)),
    legal("repaired", RIGHT, BEFORE, doctor("a-look", ok=False), doctor("a-repair"), WORKS),
    legal("needs-a-person", RIGHT, BEFORE, doctor("a-look", ok=False), doctor("a-repair", ok=False)),
    legal("another-round", RIGHT, BEFORE, doctor("a-look"), WORKS, doctor("b-look", ok=False),
        start("b-turn"), end("b-turn", ok=False)),
    legal("closed-in-time", RIGHT, BEFORE, doctor("a-look", ok=False), doctor("a-repair"), WORKS, CLOSED,
        doctor("b-look", ok=False), OPENED),
    illegal("open-to-others", RIGHT, "OPS-6", "a-look said that all is well, and others can read", [4, 5],
        BEFORE, doctor("a-look"), OPENED),
    illegal("passed-over", RIGHT, "OPS-6", "a-look said that all is well, and then a-turn failed", [4, 6],
        BEFORE, doctor("a-look"), start("a-turn"), end("a-turn", ok=False)),
    illegal("not-repaired", RIGHT, "OPS-6", "a-repair said that all is well|a-turn failed", [6, 8],
        BEFORE, doctor("a-look", ok=False), doctor("a-repair"), start("a-turn"), end("a-turn", ok=False)),
    illegal("agents-gone", RIGHT, "OPS-6", "a-list did not show lane0 any more", [4, 6],
        BEFORE, doctor("a-look"), start("a-list", "agents list"), end("a-list", "agents list", agents=("lane1",))),
    illegal("conversation-gone", RIGHT, "OPS-6", "a-turn was not told of first", [4, 7],
        BEFORE, doctor("a-look"), start("a-turn"), asked(1, "a-turn", markers=("a-turn",)), end("a-turn")),
    illegal("untyped", RIGHT, "OPS-6", "a-look does not say what it has found", [4],
        BEFORE, doctor("a-look", ok=False, code="")),
    undecided("nobody-looked", RIGHT, "no check-up", BEFORE, WORKS),
]  # fmt: skip

HARMS = repair_harms_nobody
WORKING = (start("held", agent="x"), asked(1, "held"), start("add", "agents add"), file())
REPAIRED = (*doctor("repair"), file())
DONE = (replied(1), end("held"), end("add", "agents add"))
REPAIRS = [
    legal("unharmed", HARMS, WORKING, REPAIRED, runs_listed("list-beside", "x", "running"), DONE),
    legal("refused-meanwhile", HARMS, WORKING, REPAIRED, start("second"), end("second", ok=False, kind="busy"), DONE),
    legal("its-turn-afterwards", HARMS, WORKING, REPAIRED, start("second"), DONE, asked(2, "second"), end("second")),
    illegal("failed", HARMS, "OPS-6", "add failed beside a repair", [4, 9],
        WORKING, REPAIRED, replied(1), end("held"), end("add", "agents add", ok=False)),
    illegal("robbed", HARMS, "OPS-6", "another run got the session of held", [8],
        WORKING, REPAIRED, start("second"), asked(2, "second"), DONE),
    illegal("left-out", HARMS, "OPS-6", "list-beside does not show the runs of x", [8],
        WORKING, REPAIRED, runs_listed("list-beside", "x", "interrupted"), DONE),
    illegal("config-changed", HARMS, "OPS-6", "changed the config", [3, 6],
        WORKING, doctor("repair"), file(digest="new"), DONE),
    legal("taken-afterwards", HARMS, WORKING, REPAIRED, turn("late"), DONE),
    illegal("out-of-reach", HARMS, "OPS-6", "the gateway that was at work takes no turn", [4, 8],
        WORKING, REPAIRED, turn("late", ok=False), DONE),
    undecided("never-ended", HARMS, "add never came to an end", WORKING, REPAIRED, replied(1), end("held")),
    undecided("not-repaired", HARMS, "no repair", WORKING, DONE),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), [*CHECKS, *REPAIRS])
def test_repair(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
