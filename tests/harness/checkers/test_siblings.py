"""FLO-6: the smallest legal and illegal histories of two models of one provider, one of which rests."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.siblings import sibling_does_not_rest
from tests.harness.histories import asked, check, end, illegal, legal, replied, start, turn, undecided

JUDGE = sibling_does_not_rest
TIRED = (start("first"), asked(1, "first", model="large"), replied(1, status=429))
SMALL = (asked(2, "first", model="small"), replied(2), end("first"))
CASES = [
    legal("sibling-asked", JUDGE, TIRED, SMALL, start("next"), asked(3, "next", model="small"), end("next")),
    legal("nobody-rests", JUDGE, start("first"), asked(1, "first", model="large"), replied(1), end("first")),
    illegal("passed-over", JUDGE, "FLO-6", "first: only large had asked|the next of anthropic|gemini was asked",
        [1, 3, 4], TIRED, asked(2, "first", "gemini"), end("first")),
    illegal("passed-over-later", JUDGE, "FLO-6", "next: only large|gemini was asked", [1, 7, 8],
        TIRED, SMALL, start("next"), asked(3, "next", "gemini"), end("next")),
    illegal("nobody-asked", JUDGE, "FLO-6", "next: only large|nobody was (“no”", [1, 7],
        TIRED, SMALL, turn("next", ok=False, message="no")),
    undecided("no-request", JUDGE, "no turn asked any provider", turn("first")),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), CASES)
def test_siblings(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
