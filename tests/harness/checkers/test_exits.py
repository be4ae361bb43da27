"""CHD-6: the smallest legal and illegal histories of a command whose work is done. Events are 0.1 s apart."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.exits import exits_when_done as checker
from harness.events import LockSeen, Noted, PortSeen, ReplyHeld
from tests.harness.histories import asked, check, end, exited, hung, illegal, legal, replied, start, undecided

USUAL = (start("undisturbed"), asked(1, "undisturbed"), replied(1), exited("undisturbed"), end("undisturbed"))
HELD = (start("lingering"), asked(2, "lingering"), ReplyHeld(exchange=2, gate="g"))
WAIT = [Noted(text="")] * 30  # three seconds
SLOW = (*USUAL[:3], *WAIT, exited("undisturbed"))
DONE = (exited("lingering"), end("lingering"))
FREE = (LockSeen(path="", holder=0), PortSeen(port=0, process=""))

CASES = [
    legal("at-once", checker, USUAL, HELD, DONE, replied(2, outcome="client-gone"), FREE),
    legal("never-held", checker, USUAL, HELD[:2], replied(2), DONE, FREE),
    illegal("late", checker, "CHD-6", "still there 3.1 s later; 2.5 s were to be enough", [7, 39],
        USUAL, HELD, WAIT, DONE, FREE),
    legal("late-by-load", checker, SLOW, end("undisturbed", cpu=3.0), HELD, WAIT, DONE, FREE),
    illegal("always-late", checker, "CHD-6", "still there 3.1 s later; 2.5 s were to be enough", [37, 69],
        SLOW, end("undisturbed", cpu=0.1), HELD, WAIT, DONE, FREE),
    illegal("hung", checker, "CHD-6", "lingering had its whole answer and was still there", [7, 10],
        USUAL, HELD, hung("lingering"), DONE, FREE),
    illegal("failed", checker, "CHD-6", "had its whole answer and failed: |E", [7, 9],
        USUAL, HELD, exited("lingering", 1), end("lingering", ok=False), FREE),
    illegal("lock-kept", checker, "CHD-6", "a lock on home/x was still held", [10],
        USUAL, HELD, DONE, LockSeen(path="home/x", holder=7), FREE[1]),
    illegal("port-kept", checker, "CHD-6", "port 99 was still held", [11],
        USUAL, HELD, DONE, FREE[0], PortSeen(port=99, process="x")),
    undecided("nobody-looked", checker, "nobody looked for locks", USUAL, HELD, DONE),
    undecided("no-end", checker, "never came to an end", USUAL, HELD, FREE),
    undecided("slow-anyway", checker, "that nothing disturbed failed",
        start("undisturbed"), end("undisturbed", ok=False)),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), CASES)
def test_exits(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
