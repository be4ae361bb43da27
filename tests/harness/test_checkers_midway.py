"""FLO: the smallest legal and illegal histories of a turn that fails in its middle."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.midway import effects_at_most_once
from harness.events import FileSeen
from tests.harness.histories import asked, check, file, illegal, legal, start, turn, undecided


def effect(actor: str, times: Any) -> FileSeen:
    return file(f"effect {actor}", parses=None, facts={"times": times})


FLO_7 = [
    legal("once", effects_at_most_once, turn("reset"), effect("reset", 1)),
    legal("failed-before-it-ran", effects_at_most_once, turn("reset", ok=False), effect("reset", 0)),
    legal("failed-after-it-ran", effects_at_most_once, turn("reset", ok=False), effect("reset", 1)),
    illegal(
        "twice", effects_at_most_once, "FLO-7", "reset:|carried out 2 times|anthropic (step 0), gemini (step 0)",
        [1, 2, 3, 4], start("reset"), asked(1, "reset"), asked(2, "reset", "gemini"), turn("reset")[1],
        effect("reset", 2),
    ),
    illegal(
        "twice-in-a-turn-that-failed", effects_at_most_once, "FLO-7", "carried out 2 times", [1, 2],
        turn("reset", ok=False), effect("reset", 2),
    ),
    illegal(
        "one-of-two", effects_at_most_once, "FLO-7", "stalled:|carried out 3 times", [4, 5],
        turn("reset"), effect("reset", 1), turn("stalled"), effect("stalled", 3),
    ),
    undecided("nobody-looked", effects_at_most_once, "nobody looked", turn("reset")),
    undecided("never-ran", effects_at_most_once, "was never carried out", turn("reset"), effect("reset", 0)),
    undecided("not-counted", effects_at_most_once, "was never carried out", turn("reset"), effect("reset", None)),
    undecided("never-ended", effects_at_most_once, "reset never came to an end", start("reset"), effect("reset", 1)),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), [*FLO_7])
def test_midway(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
