"""MSG: the smallest legal and illegal histories of a session that was cut off."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.messages import (
    bad_record_costs_itself,
    crash_costs_one_record,
    exactly_once_visible,
    listed_success_is_visible,
    return_implies_terminal,
    sessions_are_apart,
)
from tests.harness.histories import (
    asked,
    check,
    end,
    exited,
    illegal,
    legal,
    replied,
    runs_listed,
    signalled,
    start,
    struck,
    turn,
    undecided,
)

KILLED = {"ok": False, "exit_status": None, "code": "", "kind": "unclear"}
FIRST = (start("first"), asked(1, "first", markers=("first",)), end("first"))
TOLD = ("first", "re-first")
STRUCK = (start("v"), struck("v", "torn", "write", "main.jsonl"), asked(2, "v", markers=(*TOLD, "v")))
checker, rotten, over = crash_costs_one_record, bad_record_costs_itself, return_implies_terminal
once = exactly_once_visible
BEGUN = (start("a", agent="x"), asked(1, "a"))
PARTS = ("first", "aside-first", "call-first", "tool-first", "re-first")
TOLD_ONE = (start("one", agent="a"), asked(1, "one", markers=("one",)), end("one"))

shown = listed_success_is_visible
KILL = (start("v", pid=7), struck("v", "kill", "write", "main.jsonl"), end("v", **KILLED))
GONE_ON = (start("v-next"), asked(2, "v-next", markers=("v", "v-next")), end("v-next"))

apart = sessions_are_apart
ONE = (start("one", agent="x", session="s"), asked(1, "one", markers=("one",)), end("one"))
CASES = [
    legal("apart", apart, ONE, start("two", agent="x", session="s"),
        asked(2, "two", markers=("one", "re-one", "of-the-program", "two")), end("two")),
    illegal("strange", apart, "MSG-3", "two was told of one, of another session", [4, 5],
        ONE, start("two", agent="y", session="s"), asked(2, "two", markers=("one", "two")), end("two")),
    illegal("forgotten", apart, "MSG-3", "two was told nothing of one", [4, 5],
        ONE, start("two", agent="x", session="s"), asked(2, "two", markers=("two",)), end("two")),
    undecided("one-turn-each", apart, "no session had two turns",
        ONE, start("two", agent="y", session="s"), asked(2, "two", markers=("two",)), end("two")),

    legal("killed-and-known-to-be", shown, KILL, *runs_listed("v-list", "x", "interrupted"), GONE_ON),
    legal("killed-after-its-record", shown, KILL, *runs_listed("v-list", "x", "succeeded"),
        start("v-next"), asked(2, "v-next", markers=("v", "re-v", "v-next")), end("v-next")),
    legal("another-run-succeeded", shown, KILL, *runs_listed("v-list", "x", "succeeded", pid=8), GONE_ON),
    illegal("success-without-an-answer", shown, "MSG-3", "v, killed at write main.jsonl, is listed as succeeded",
        [1, 4, 6], KILL, *runs_listed("v-list", "x", "succeeded"), GONE_ON),
    undecided("not-gone-on-with", shown, "no session was gone on with", KILL,
        *runs_listed("v-list", "x", "succeeded"), start("v-next"), end("v-next", ok=False)),
    undecided("not-listed", shown, "v-list never came", KILL, GONE_ON),

    legal("unfinished-record-lost", checker, FIRST, STRUCK, end("v", **KILLED),
        start("next"), asked(3, "next", markers=(*TOLD, "next")), end("next")),
    legal("unfinished-record-kept", checker, FIRST, STRUCK, end("v", **KILLED),
        start("next"), asked(3, "next", markers=(*TOLD, "v", "next")), end("next")),
    legal("never-asked", checker, FIRST, turn("v", **KILLED), struck("v", "kill")),
    illegal("fused", checker, "MSG-1", "last was not told of 1 of 2 acknowledged turns after torn at write|: next",
        [8, 10], FIRST, STRUCK, end("v", **KILLED), start("next"), end("next"),
        start("last"), asked(4, "last", markers=(*TOLD, "last"))  , end("last")),
    illegal("answer-lost", checker, "MSG-1", "next was not told of 1 of 1 acknowledged turns: first", [2, 4],
        FIRST, start("next"), asked(3, "next", markers=("first", "next")), end("next")),
    illegal("acknowledged-and-lost", checker, "MSG-1", "1 of 2 acknowledged turns after torn|: v", [6, 8],
        FIRST, STRUCK, end("v"), start("next"), asked(3, "next", markers=(*TOLD, "next")), end("next")),
    illegal("next-fails", checker, "MSG-1", "next does not work after torn at write main.jsonl", [8],
        FIRST, STRUCK, end("v", **KILLED), turn("next", ok=False)),
    undecided("no-turn", checker, "no turn came to an end", start("first")),
    legal("bad-record-skipped", rotten, TOLD_ONE, start("next", agent="a"),
        asked(2, "next", markers=("one", "re-one", "next")), end("next")),
    legal("lost-record-forgotten", rotten, start("lost", agent="a"), asked(1, "lost"), end("lost"),
        start("next", agent="a"), asked(2, "next", markers=("next",)), end("next")),
    legal("other-agent", rotten, TOLD_ONE, start("next", agent="b"), asked(2, "next", markers=("next",)), end("next")),
    illegal("whole-record-forgotten", rotten, "MSG-2", "next was not told of one, whose records are whole", [2, 4],
        TOLD_ONE, start("next", agent="a"), asked(2, "next", markers=("one", "next")), end("next")),
    illegal("session-blocked", rotten, "MSG-2", "next does not work: |E", [4], TOLD_ONE,
        start("next", agent="a"), end("next", ok=False)),
    legal("once-each", once, FIRST, start("next"), asked(2, "next", markers=(*PARTS, "next")), end("next")),
    legal("words-of-the-program's-own", once, FIRST, start("next"),
        asked(2, "next", markers=("reply_to", *PARTS, "reply_to", "next")), end("next")),
    legal("killed-turn-in-part", once, FIRST,
        start("v"), struck("v", "kill"), asked(2, "v", markers=(*PARTS, "v")), end("v", **KILLED),
        start("next"), asked(3, "next", markers=(*PARTS, "v", "tool-v", "next")), end("next")),
    illegal("killed-message-twice", once, "MSG-3", "next was told the same thing twice: v after torn at write", [2, 8],
        FIRST, start("v"), struck("v", "torn"), asked(2, "v", markers=(*PARTS, "v")), end("v", **KILLED),
        start("next"), asked(3, "next", markers=(*PARTS, "v", "v", "next")), end("next")),
    illegal("refused-from-then-on", once, "MSG-3", "next does not work after kill at write|: |E", [8],
        FIRST, start("v"), struck("v", "kill"), end("v", **KILLED), start("next"),
        asked(3, "next", markers=(*PARTS, "v", "next")), end("next", ok=False)),
    illegal("tool-result-lost", once, "MSG-3", "nothing of what had been acknowledged as tool-first", [2, 4],
        FIRST, start("next"), asked(2, "next", markers=(*PARTS[:3], "re-first", "next")), end("next")),
    illegal("aside-lost", once, "MSG-3", "nothing of what had been acknowledged as aside-first", [2, 4],
        FIRST, start("next"), asked(2, "next", markers=("first", *PARTS[2:], "next")), end("next")),
    legal("call-repeated-in-its-result", once, FIRST, start("next"),
        asked(2, "next", markers=(*PARTS[:3], "call-first", *PARTS[3:], "next")), end("next")),
    illegal("arguments-lost", once, "MSG-3", "nothing of what the tools of first had been called with", [2, 4],
        FIRST, start("next"), asked(2, "next", markers=(*PARTS[:2], *PARTS[3:], "next")), end("next")),
    illegal("another-order", once, "MSG-3", "in another order: first, aside-first, re-first, tool-first", [2, 4],
        FIRST, start("next"), asked(2, "next", markers=(*PARTS[:3], "re-first", "tool-first", "next")), end("next")),
    undecided("nothing-acknowledged", once, "no turn came after", start("v"), struck("v", "kill"), end("v", **KILLED),
        turn("next")),
    legal("returned-when-over", over, BEGUN, replied(1), exited("a"), end("a"),
        *runs_listed("after", "x", "succeeded")),
    legal("listed-while-it-ran", over, BEGUN, *runs_listed("during", "x", "running"), replied(1), exited("a"),
        end("a")),
    legal("ended-before-the-answer", over, BEGUN, signalled("a", 15), exited("a", 143), end("a", ok=False),
        replied(1, outcome="client-gone"), *runs_listed("after", "x", "cancelled")),
    legal("out-of-time-before-the-answer", over, start("a", agent="x", timeout=1.0), asked(1, "a"), exited("a", 124),
        end("a", ok=False), replied(1)),
    illegal("out-of-time-and-goes-on", over, "MSG-5", "a had returned|still listed as running", [2, 5],
        start("a", agent="x", timeout=1.0), asked(1, "a"), exited("a", 124), end("a", ok=False),
        *runs_listed("after", "x", "running")),
    illegal("ended-and-goes-on", over, "MSG-5", "a had returned|still listed as running|“E”", [3, 6],
        BEGUN, signalled("a", 15), exited("a", 143), end("a", ok=False), *runs_listed("after", "x", "running")),
    legal("failed-without-asking", over, BEGUN, replied(1), exited("a"), end("a"),
        start("b", agent="y"), end("b", ok=False)),
    illegal("answered-afterwards", over, "MSG-5", "a returned|a provider had not answered yet", [2, 4],
        BEGUN, exited("a"), end("a"), replied(1)),
    illegal("asked-afterwards", over, "MSG-5", "a returned|a provider was asked afterwards", [3, 5],
        BEGUN, replied(1), exited("a"), end("a"), asked(2, "a")),
    illegal("still-listed", over, "MSG-5", "a had returned|still listed as running", [3, 6],
        BEGUN, replied(1), exited("a"), end("a"), *runs_listed("after", "x", "running")),
    legal("detached-and-goes-on", over, BEGUN, replied(1), exited("a"), end("a"), start("detached", agent="z"),
        asked(2, "detached"), exited("detached"), end("detached"), replied(2)),
    legal("not-accepted", over, BEGUN, replied(1), exited("a"), end("a"), start("detached", agent="z"),
        exited("detached", 1), end("detached", ok=False)),
    illegal("accepted-and-given-up", over, "MSG-5", "detached, a turn for which nobody waits, was accepted", [8, 6],
        BEGUN, replied(1), exited("a"), end("a"), start("detached", agent="z"), asked(2, "detached"),
        exited("detached"), end("detached"), replied(2, outcome="client-gone")),
    undecided("never-returned", over, "a never came to an end", BEGUN),
    undecided("asked-nobody", over, "no turn asked any provider", start("a", agent="x"), exited("a"), end("a")),
    undecided("nobody-came-after", rotten, "no turn next", TOLD_ONE),
    undecided("nobody-asked", rotten, "next succeeded without asking", TOLD_ONE, start("next", agent="a"), end("next")),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), CASES)
def test_messages(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
