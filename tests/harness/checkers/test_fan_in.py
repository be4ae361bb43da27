"""MSG-4: the smallest legal and illegal histories of a turn that had others work for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.checkers.fan_in import (
    every_answer_is_told,
    every_result_once,
    failure_is_no_silence,
    task,
    told_step_by_step,
    told_to_nobody_else,
)
from harness.outcome import RunSeen
from tests.harness.histories import asked, check, end, illegal, legal, replied, start, turn, undecided

once = every_result_once
PARENT = (start("p"), asked(1, "p", markers=("p",)))
WORK = (asked(2, "p.lane1", markers=("p.lane1",)), replied(2))
SECOND = (asked(3, "p.lane2", markers=("p.lane2",)), replied(3))
RESULT = ("p", "p.lane1", "re-p.lane1")

INNER = asked(4, "p.lane1.lane2", markers=("p.lane1.lane2",))
MIDDLE = asked(5, "p.lane1", markers=("p.lane1", "p.lane1.lane2", "re-p.lane1.lane2"))
OUTERMOST = asked(6, "p", markers=RESULT)


def listed(*statuses: str, agent: str = "lane1") -> Any:
    runs = [RunSeen(id=f"r-{number}", agent=agent, status=status, pid=7) for number, status in enumerate(statuses)]
    return start("list", "runs list"), end("list", "runs list", runs=tuple(runs))


def next_turn(*markers: str, **ending: Any) -> Any:
    return start("next"), asked(9, "next", markers=(*markers, "next")), end("next", **ending)


def told_of(failed: str, quiet: str, *, status: str = "succeeded", of: str = "failed") -> Any:
    """The next turn is told of an agent without an answer and of one that had nothing to say; then the list of both."""
    request = replace(asked(9, "next", markers=("p", "next")), added=(failed, quiet))
    ends = {"lane1": of, "quiet4": status}
    runs = tuple(RunSeen(id=f"r-{agent}", agent=agent, status=end, pid=7) for agent, end in ends.items())
    return start("next"), request, end("next"), start("list", "runs list"), end("list", "runs list", runs=runs)


CASES = [
    legal("told-once", once, PARENT, WORK, asked(4, "p", markers=RESULT), end("p"), next_turn(*RESULT),
        listed("succeeded")),
    legal("told-in-the-next-turn", once, PARENT, WORK, end("p", ok=False), next_turn(*RESULT), listed("succeeded")),
    legal("failure-told", once, PARENT, WORK, end("p"), next_turn("p", "p.lane1", "p.lane1"), listed("failed")),
    legal("failure-listed", once, PARENT, WORK, end("p"), next_turn("p", "p.lane1"), listed("interrupted")),
    legal("still-on-its-way", once, PARENT, WORK, end("p"), start("next"), asked(9, "next", markers=(*RESULT, "next")),
        asked(10, "next.lane1", markers=("p.lane1", "next.lane1")), replied(10), end("next"), listed("succeeded")),
    legal("never-begun", once, PARENT, WORK, end("p"), next_turn(*RESULT, "p.lane2"), listed("succeeded")),
    illegal("lost", once, "MSG-4", "asked of lane1 as p.lane1|next was told neither|no failed runs of lane1", [2, 6],
        PARENT, WORK, end("p"), next_turn("p", "p.lane1"), listed("succeeded")),
    illegal("lost-in-part", once, "MSG-4", "asked of lane2 as p.lane2|no failed runs of lane2", [4, 8],
        PARENT, WORK, SECOND, end("p"), next_turn(*RESULT, "p.lane2"), listed("succeeded")),
    illegal("another's-failure", once, "MSG-4", "no failed runs of lane1", [2, 6],
        PARENT, WORK, end("p"), next_turn("p", "p.lane1"), listed("failed", agent="lane2")),
    illegal("one-failure-for-two", once, "MSG-4", "lane1 as p.lane1, q.lane1|has 1 failed run of lane1", [2, 6, 10],
        PARENT, WORK, end("p"), start("q"), asked(5, "q.lane1", markers=("p.lane1", "q.lane1")), replied(5), end("q"),
        next_turn("p", "p.lane1", "q", "q.lane1"), listed("succeeded", "failed")),
    illegal("failure-of-another-told", once, "MSG-4", "as p.lane1, next|no failed runs of lane1 beyond", [2, 10],
        PARENT, WORK, end("p"), start("q"), asked(5, "q.lane1", markers=("q.lane1",)), replied(5), end("q"),
        next_turn("p", "p.lane1", "q", "q.lane1", "q.lane1"), listed("succeeded", "failed")),
    illegal("told-twice", once, "MSG-4", "next was told 2 times what came of p.lane1", [2, 6],
        PARENT, WORK, end("p"), next_turn(*RESULT, "re-p.lane1"), listed("succeeded")),
    illegal("session-unusable", once, "MSG-4", "next does not work: |E", [7],
        PARENT, WORK, end("p"), next_turn(*RESULT, ok=False), listed("succeeded")),
    legal("failure-told-as-such", failure_is_no_silence, told_of("lane1 failed: r-1", "quiet4 has done it: r-2")),
    legal("silence-failed-too", failure_is_no_silence, told_of("lane1 failed", "quiet4 failed", status="failed")),
    illegal("failure-told-as-silence", failure_is_no_silence, "MSG-4", "lane1, whose run is listed as failed, what",
        [1], told_of("lane1 has done it: r-1", "quiet4 has done it: r-2")),
    illegal("cancelled-told-as-silence", failure_is_no_silence, "MSG-4", "lane1, whose run is listed as cancelled",
        [1], told_of("lane1 has done it: r-1", "quiet4 has done it: r-2", of="cancelled")),
    undecided("no-list-of-both", failure_is_no_silence, "did not list its runs", PARENT),
    legal("answer-told", every_answer_is_told, PARENT, WORK, end("p"), next_turn(*RESULT)),
    legal("had-no-answer", every_answer_is_told, PARENT, WORK[:1], replied(2, status=529), end("p"),
        next_turn("p", "p.lane1", "p.lane1")),
    illegal("told-of-as-failed", every_answer_is_told, "MSG-4", "next was not told what p.lane1 had answered", [2, 6],
        PARENT, WORK, end("p"), next_turn("p", "p.lane1", "p.lane1")),
    legal("not-told", told_to_nobody_else, PARENT, WORK, asked(5, "stranger", markers=("stranger",))),
    illegal("told-of-an-answer", told_to_nobody_else, "MSG-4", "stranger, for which nobody works|of p.lane1", [4],
        PARENT, WORK, asked(5, "stranger", markers=("re-p.lane1", "stranger"))),
    illegal("told-elsewhere", told_to_nobody_else, "MSG-4", "stranger-session, for which nobody works|of p.lane1", [5],
        PARENT, WORK, asked(5, "stranger", markers=("stranger",)),
        asked(6, "stranger-session", markers=("re-p.lane1", "stranger-session"))),
    illegal("told-of-a-failure", told_to_nobody_else, "MSG-4", "was told what came of p.lane1", [4],
        PARENT, WORK, asked(5, "stranger", markers=("p.lane1", "stranger"))),
    legal("step-by-step", told_step_by_step, INNER, MIDDLE, OUTERMOST),
    illegal("middle-not-told", told_step_by_step, "MSG-4", "p.lane1 was not told what p.lane1.lane2 had answered", [1],
        INNER, asked(5, "p.lane1", markers=("p.lane1",)), OUTERMOST),
    illegal("outermost-not-told", told_step_by_step, "MSG-4", "p was not told what p.lane1 had answered", [2],
        INNER, MIDDLE, asked(6, "p", markers=("p", "p.lane1"))),
    illegal("step-left-out", told_step_by_step, "MSG-4", "p was told what p.lane1.lane2 had answered|p.lane1 had asked",
        [2], INNER, MIDDLE, asked(6, "p", markers=(*RESULT, "re-p.lane1.lane2"))),
    undecided("two-agents-only", told_step_by_step, "had a third one work for it", PARENT, WORK),
    undecided("first-is-unknown", told_step_by_step, "p asked no provider", INNER, MIDDLE),
    undecided("no-stranger", told_to_nobody_else, "stranger asked no provider", PARENT, WORK),
    undecided("nobody-asked", once, "no turn asked any provider", turn("p")),
    undecided("nothing-delegated", once, "nothing that was delegated", PARENT, end("p"), next_turn("p"), listed()),
    undecided("not-over", once, "nothing that was delegated", PARENT, WORK[:1], end("p"), next_turn("p"), listed()),
    undecided("no-list", once, "did not list its runs", PARENT, WORK, end("p"), next_turn(*RESULT)),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), CASES)
def test_fan_in(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)


def test_a_task_is_its_parent_and_its_agent() -> None:
    assert task("p", "lane1") == "p.lane1"
