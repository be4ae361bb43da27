"""FLO: the smallest legal and illegal histories of a turn that fails in its middle."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.midway import CUT, effects_at_most_once, partial_answers_are_dropped
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
    legal("half-a-call-is-none", effects_at_most_once, turn(CUT), effect(CUT, 0)),
    illegal("half-a-call-is-run", effects_at_most_once, "FLO-7", "of which half of the arguments had come", [1, 2],
        turn(CUT), effect(CUT, 1)),
    undecided("nobody-looked", effects_at_most_once, "nobody looked", turn("reset")),
    undecided("never-ran", effects_at_most_once, "was never carried out", turn("reset"), effect("reset", 0)),
    undecided("not-counted", effects_at_most_once, "was never carried out", turn("reset"), effect("reset", None)),
    undecided("never-ended", effects_at_most_once, "reset never came to an end", start("reset"), effect("reset", 1)),
]  # fmt: skip


def told(actor: str, *markers: str) -> tuple[Any, ...]:
    """The turn after `actor`'s, in the same session, whose request carries these markers."""
    return asked(9, f"{actor}-next", markers=(actor, *markers, f"{actor}-next")), *turn(f"{actor}-next")


DONE = {"text": "[[re-cut]] done"}
FLO_8 = [
    legal("the-whole-answer-alone", partial_answers_are_dropped, turn("cut", **DONE), told("cut", "re-cut")),
    legal("no-answer-at-all", partial_answers_are_dropped, turn("cut", ok=False), told("cut")),
    illegal(
        "given-as-the-answer", partial_answers_are_dropped, "FLO-8", "cut gave what had broken off|half-cut", [1],
        turn("cut", text="[[half-cut]] This is"), told("cut"),
    ),
    illegal(
        "remembered-beside-the-answer", partial_answers_are_dropped, "FLO-8", "the turn after cut was told", [1, 2],
        turn("cut", **DONE), told("cut", "half-cut", "re-cut"),
    ),
    illegal(
        "remembered-of-a-failed-turn", partial_answers_are_dropped, "FLO-8", "the turn after cut was told", [1, 2],
        turn("cut", ok=False), told("cut", "half-cut"),
    ),
    legal(
        "only-the-first-request-counts", partial_answers_are_dropped, turn("cut", **DONE),
        asked(8, "cut-next", markers=("re-cut",)), told("cut", "half-cut"),
    ),
    undecided("no-turn", partial_answers_are_dropped, "no turn came to an end", start("cut")),
    undecided("no-later-turn", partial_answers_are_dropped, "no turn after cut asked", turn("cut", **DONE)),
    undecided("answer-lost", partial_answers_are_dropped, "told of no answer at all", turn("cut", **DONE), told("cut")),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), [*FLO_7, *FLO_8])
def test_midway(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
