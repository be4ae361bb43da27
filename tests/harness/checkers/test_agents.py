"""CFG-9: the smallest legal and illegal histories of adding, deleting and listing agents."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers import agents
from harness.checkers.agents import agents_linearizable
from harness.checkers.judge import CannotDecide, judge
from harness.events import CallHeld, CallReleased, Finished, Started
from harness.verdict import Verdict
from tests.harness.histories import add, check, delete, end, history, hung, illegal, legal, listing, start, undecided

BEFORE = listing(actor="before")  # two events: the numbers of what follows begin at 2


def begin(name: str) -> Started:
    return start(f"add-{name}", "agents add", name=name)


def added(name: str, **ending: Any) -> Finished:
    return end(f"add-{name}", "agents add", **ending)


def held(actor: str) -> CallHeld:
    return CallHeld(actor=actor, call="rename", path="config.json", index=1)


def released(actor: str) -> CallReleased:
    return CallReleased(actor=actor, call="rename", path="config.json", index=1, why="barrier")


CFG_9 = [
    legal("add-then-list", agents_linearizable, BEFORE, add("one"), listing("one")),
    legal("list-during-the-add", agents_linearizable, BEFORE, begin("one"), listing(), added("one"), listing("one")),
    legal("seen-before-it-was-acknowledged", agents_linearizable, BEFORE, begin("one"), listing("one"), added("one")),
    legal("others-are-not-followed", agents_linearizable, listing("main", actor="before"), add("one"), listing("one")),
    legal("there-at-first", agents_linearizable, listing("one", actor="before"), delete("one"), listing("main")),
    legal("deleted-again", agents_linearizable, BEFORE, add("one"), delete("one"), listing()),
    legal(
        "refused-at-once", agents_linearizable, BEFORE, add("one"), add("one", "again", ok=False, kind="usage"),
        add("two", ok=False, kind="busy"), listing("one"),
    ),
    legal(
        "killed-and-there", agents_linearizable, BEFORE, add("one"), add("two", ok=False, exit_status=None),
        listing("one"), listing("one", "two"),
    ),
    legal("killed-and-not-there", agents_linearizable, BEFORE, add("one"), begin("two"), listing("one")),
    legal("failed-yet-there", agents_linearizable, BEFORE, add("one"), add("two", ok=False), listing("one", "two")),
    legal("success-with-exit-1", agents_linearizable, BEFORE, add("one"), add("two", exit_status=1), listing("one")),
    legal(
        "hung", agents_linearizable, BEFORE, add("one"), begin("two"), hung("add-two"),
        added("two", ok=False, kind="unclear", exit_status=None), listing("one"),
    ),
    legal(
        "an-unreadable-list-shows-nothing", agents_linearizable, BEFORE, add("one"),
        listing(actor="torn", ok=False, agents=None), listing("one"),
    ),
    illegal(
        "lost", agents_linearizable, "CFG-9", "add-one was acknowledged before list began, yet the list lacks one",
        [2, 3, 4, 5], BEFORE, add("one"), listing(),
    ),
    illegal(
        "lost-by-the-last-replacement", agents_linearizable, "CFG-9",
        "add-lane1 was acknowledged before list began, yet the list lacks lane1: "
        "the file was last replaced by add-lane3, which had read it before add-lane1 wrote",
        [2, 4, 6, 7, 8, 10, 11],
        BEFORE, begin("lane1"), begin("lane3"), held("add-lane3"), held("add-lane1"), released("add-lane1"),
        released("add-lane3"), added("lane1"), added("lane3"), listing("lane3"),
    ),
    illegal(
        "another-writer-was-not-held", agents_linearizable, "CFG-9",
        "yet the list lacks lane1: add-lane3 then replaced the file with what it had read before add-lane1 wrote",
        [2, 4, 6, 7, 8, 12, 13],
        BEFORE, begin("lane1"), begin("lane3"), held("add-lane3"), held("add-lane1"), released("add-lane1"),
        released("add-lane3"), added("lane1"), added("lane3"), add("late"), listing("lane3", "late"),
    ),
    illegal(
        "lost-without-a-known-cause", agents_linearizable, "CFG-9", "yet the list lacks lane1", [2, 5, 8, 9],
        BEFORE, begin("lane1"), held("add-lane1"), released("add-lane1"), added("lane1"), held("add-lane3"),
        released("add-lane3"), listing(),
    ),
    illegal(
        "not-deleted", agents_linearizable, "CFG-9", "delete-one was acknowledged|still shows one", [2, 3, 4, 5],
        listing("one", actor="before"), delete("one"), listing("one"),
    ),
    illegal(
        "back-again", agents_linearizable, "CFG-9", "one shows x and two, which began later, lacks x", [3, 4, 5, 6],
        BEFORE, begin("x"), listing("x", actor="one"), listing(actor="two"), added("x"),
    ),
    illegal(
        "two-winners", agents_linearizable, "CFG-9", "a and b both added one", [2, 3, 4, 5],
        BEFORE, add("one", "a"), add("one", "b"), listing("one"),
    ),
    undecided("nameless", agents_linearizable, "which agent a was about", BEFORE, start("a", "agents add")),
    undecided("nothing-happened", agents_linearizable, "not listed before"),
    undecided("not-listed-before", agents_linearizable, "not listed before", add("one"), listing("one")),
    undecided(
        "listed-too-late", agents_linearizable, "not listed before",
        begin("one"), listing(actor="before"), added("one"), listing("one"),
    ),
    undecided("none-added", agents_linearizable, "no add or delete succeeded", BEFORE, add("one", ok=False), listing()),
    undecided("not-listed-after", agents_linearizable, "could not be listed after", BEFORE, add("one")),
    undecided(
        "list-unreadable", agents_linearizable, "could not be listed after", BEFORE, add("one"), listing(agents=None)
    ),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), CFG_9)
def test_agents(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)


def test_an_exhausted_budget_is_unknown_and_never_green(monkeypatch: pytest.MonkeyPatch) -> None:
    lanes = [begin(f"lane{number}") for number in range(4)]
    done = [added(f"lane{number}") for number in range(4)]
    events = history(BEFORE, lanes, done, listing(*(f"lane{number}" for number in range(4))))
    assert judge([agents_linearizable], events).verdict is Verdict.CONFORMS
    monkeypatch.setattr(agents, "BUDGET", 3)
    with pytest.raises(CannotDecide, match="no order was found among the first 3 states"):
        agents_linearizable(events)
    assert judge([agents_linearizable], events).verdict is Verdict.UNKNOWN


def test_what_is_plain_to_see_needs_no_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed adds make a search long; a lost agent is a violation whatever became of them."""
    monkeypatch.setattr(agents, "BUDGET", 3)
    killed = [begin(f"lane{number}") for number in range(4)]
    (finding,) = agents_linearizable(history(BEFORE, killed, add("one"), listing()))
    assert finding.message == "add-one was acknowledged before list began, yet the list lacks one"
