"""MSG-6: what a model is told of its tools, and what comes of what it says."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.tool_results import (
    SAID,
    answers_are_as_said,
    long_answers_are_whole,
    mistakes_are_told,
    results_are_told,
)
from tests.harness.histories import asked, check, file, hung, illegal, legal, replied, start, turn, undecided

BEGUN = (start("lane0"), asked(1, "lane0"))
NAMES = ("tool-bytes", "tool-flood", "tool-left", "tool-errors", "tool-here", "tool-signals")
TOLD = (*BEGUN, asked(2, "lane0", step=9, markers=("lane0", *NAMES)))
ENDED = turn("lane0", text=SAID)[1]

MSG_6 = [
    legal("told-and-said", results_are_told, TOLD, ENDED),
    illegal("fails-by-a-byte", results_are_told, "MSG-6", "lane0 ended: “no text” (exit 1)|told 0 of 9 results", [1, 2],
        BEGUN, turn("lane0", ok=False, message="no text")[1]),
    illegal("hangs", results_are_told, "MSG-6", "does not end|told 0 of 9 results", [1, 3],
        BEGUN, hung("lane0"), turn("lane0", ok=False, exit_status=None)[1]),
    illegal("first-call-alone", results_are_told, "MSG-6", "told 1 of 9 results", [2, 3],
        BEGUN, asked(2, "lane0", step=1, markers=NAMES), ENDED),
    illegal("nothing-printed", results_are_told, "MSG-6", "tools printed: flood, left, errors, here, signals", [2, 3],
        BEGUN, asked(2, "lane0", step=9, markers=NAMES[:1]), ENDED),
    illegal("fails-in-the-end", results_are_told, "MSG-6", "lane0 failed: “too much” (exit 1)", [2, 3],
        TOLD, turn("lane0", ok=False, message="too much")[1]),
    illegal("garbled", results_are_told, "MSG-6", "and the turn gave 'Gr??e'", [2, 3],
        TOLD, turn("lane0", text="Gr??e")[1]),
    legal("told-apart", results_are_told, BEGUN,
        asked(2, "lane0", step=9, markers=("lane0", *NAMES), results=tuple("abcdefghh")), ENDED),
    illegal("alike", results_are_told, "MSG-6", "a tool that failed and one that did not|alike", [2, 3],
        BEGUN, asked(2, "lane0", step=9, markers=("lane0", *NAMES), results=tuple("abcdefghg")), ENDED),
    legal("each-its-own", results_are_told, BEGUN,
        asked(2, "lane0", step=9, markers=("lane0", *NAMES), told=(*NAMES, "", "", "")), ENDED),
    illegal("one-another's", results_are_told, "MSG-6", "what one tool had printed as the result of another", [2, 3],
        BEGUN, asked(2, "lane0", step=9, markers=("lane0", *NAMES), told=("", "", "", *NAMES)), ENDED),
    legal("merged-by-the-program", results_are_told, BEGUN,
        asked(2, "lane0", step=9, markers=("lane0", *NAMES), results=tuple("aa")), ENDED),
    undecided("nobody-asked", results_are_told, "asked no provider", turn("lane0", ok=False)),
    undecided("never-ended", results_are_told, "lane0 never came", TOLD),
    legal("whole", long_answers_are_whole, start("direct"), asked(1, "direct"), replied(1),
        turn("direct", text="much [[direct]]")[1]),
    illegal("cut-answer", long_answers_are_whole, "MSG-6", "of what direct was answered it gave 4 characters", [1, 3],
        start("direct"), asked(1, "direct"), replied(1), turn("direct", text="much")[1]),
    illegal("answered-and-failed", long_answers_are_whole, "MSG-6", "routed was answered, and failed: “lost”", [1, 3],
        start("routed"), asked(1, "routed"), replied(1), turn("routed", ok=False, message="lost")[1]),
    undecided("no-answer", long_answers_are_whole, "no turn was given an answer", turn("direct", ok=False)),
]  # fmt: skip

DONE_TWICE = file("effect twice", facts={"times": 2})
ANSWERED = (*BEGUN, asked(2, "lane0", step=9, markers=("lane0", "tool-good")), DONE_TWICE)
MISTAKES = [
    legal("all-answered", mistakes_are_told, ANSWERED, ENDED),
    illegal("ends-the-turn", mistakes_are_told, "MSG-6", "ended: “no such tool” (exit 1)|of 0 of the 9 calls", [1, 2],
        BEGUN, turn("lane0", ok=False, message="no such tool")[1]),
    illegal("hangs-on-one", mistakes_are_told, "MSG-6", "lane0 does not end|of 0 of the 9 calls", [1, 3],
        BEGUN, hung("lane0"), turn("lane0", ok=False, exit_status=None)[1]),
    illegal("some-are-left-out", mistakes_are_told, "MSG-6", "told of 1 of the 9 calls", [2, 3],
        BEGUN, asked(2, "lane0", step=1, markers=("lane0", "tool-good")), ENDED),
    illegal("all-are-refused", mistakes_are_told, "MSG-6", "that could be run", [2, 3],
        BEGUN, asked(2, "lane0", step=9, markers=("lane0",)), ENDED),
    illegal("remembered", mistakes_are_told, "MSG-6", "of two calls that are alike 1 was carried out", [2, 3],
        ANSWERED[:-1], file("effect twice", facts={"times": 1}), ENDED),
    undecided("not-looked-at", mistakes_are_told, "nobody looked", ANSWERED[:-1], ENDED),
    illegal("fails-afterwards", mistakes_are_told, "MSG-6", "lane0 failed: “too much”", [2, 4],
        ANSWERED, turn("lane0", ok=False, message="too much")[1]),
    undecided("nobody-was-asked", mistakes_are_told, "asked no provider", turn("lane0", ok=False)),
]  # fmt: skip

FORMS = [
    legal("as-said", answers_are_as_said, start("codex"), asked(1, "codex"), turn("codex", text=f"{SAID}\n")[1]),
    illegal("other-line-ends", answers_are_as_said, "MSG-6", r"and the turn gave 'Grüße an alle:\n\n\t", [1, 2],
        start("codex"), asked(1, "codex"), turn("codex", text=SAID.replace("\r\n", "\n"))[1]),
    illegal("half-a-result", answers_are_as_said, "MSG-6", "told of its tool, but not all|no tool-codex-last", [1, 2],
        start("codex"), asked(1, "codex", step=1, markers=("codex", "tool-codex-first")), turn("codex", text=SAID)[1]),
    illegal("thoughts-too", answers_are_as_said, "MSG-6", "the model of gemini said|and the turn gave 'Hm. Gr", [1, 2],
        start("gemini"), asked(1, "gemini"), turn("gemini", text=f"Hm. {SAID}")[1]),
    illegal("not-understood", answers_are_as_said, "MSG-6", "and the turn failed: “no JSON” (exit 1)", [1, 2],
        start("codex"), asked(1, "codex"), turn("codex", ok=False, message="no JSON")[1]),
    undecided("none-was-asked", answers_are_as_said, "codex asked no provider", turn("codex", ok=False)),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), [*MSG_6, *MISTAKES, *FORMS])
def test_tool_results(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
