"""CFG-7: the smallest legal and illegal histories of a lock that another holds."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.contention import contention_is_not_absence as checker
from harness.outcome import AttemptSeen
from tests.harness.histories import add, check, end, file, gone, illegal, legal, listing, start, turn, undecided

BEFORE = listing("first", actor="list-before")
BUSY = {"ok": False, "kind": "busy", "code": "config-busy", "exit_status": 75}
REFUSED = AttemptSeen(provider="codex", model="m", kind="auth")

CASES = [
    legal("waited", checker, BEFORE, listing("first"), add("second"), listing("first", "second")),
    legal("refused", checker, BEFORE, add("second", **BUSY), start("l", "agents list"),
        end("l", "agents list", **BUSY)),
    legal("turns-alone", checker, turn("waiting"), file("profile main")),
    illegal("empty", checker, "CFG-7", "list shows nothing of first", [1, 3], BEFORE, listing()),
    illegal("untyped", checker, "CFG-7", "add-second (agents add) does not say", [3],
        BEFORE, add("second", ok=False, kind="internal")),
    illegal("refused-with-zero", checker, "CFG-7", "does not say", [3],
        BEFORE, add("second", **{**BUSY, "exit_status": 0})),
    illegal("no-credential", checker, "CFG-7", "for none: |E", [1], turn("waiting", ok=False, kind="auth")),
    illegal("no-credential-then-another", checker, "CFG-7", "for none", [1],
        turn("waiting", ok=False, kind="retryable", attempts=(REFUSED,))),
    illegal("profile-gone", checker, "CFG-7", "the profile main is gone", [2], turn("waiting"), gone("profile main")),
    undecided("nobody", checker, "nobody listed", add("second")),
    undecided("nothing-there", checker, "no agent that could", listing(actor="list-before"), listing()),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), CASES)
def test_contention(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
