"""CFG: the smallest legal and illegal histories of a config file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.checkers.config import (
    a_tool_adds_to_the_same,
    acknowledged_adds_survive,
    adds_survive_a_repair,
    crash_leaves_old_or_new,
    one_resource_one_lock,
    one_winner,
    readers_see_whole_config,
    temporaries_are_unique,
)
from harness.checkers.operator import damage_is_not_defaults, unknown_keys_survive
from harness.events import CallReleased, CallSeen
from harness.outcome import RunSeen
from tests.harness.histories import (
    add,
    check,
    delete,
    end,
    file,
    gone,
    hung,
    illegal,
    legal,
    listing,
    start,
    struck,
    undecided,
)


def released(actor: str) -> CallReleased:
    return CallReleased(actor=actor, call="rename", path="config.json", index=1, why="barrier")


def both_added() -> tuple[Any, ...]:
    return (start("a", "agents add", name="x"), start("b", "agents add", name="x"))


REFUSED = {"ok": False, "code": "CONFLICT", "kind": "local"}
OURS = {"keys": {"x-a": "1", "agents": "2"}}

CFG_1 = [
    legal("all-listed", acknowledged_adds_survive, add("one"), add("two"), listing("one", "two")),
    legal("one-refused-cleanly", acknowledged_adds_survive, add("one"), add("two", ok=False), listing("one")),
    legal("listed-beside-others", acknowledged_adds_survive, add("one"), listing("main", "one")),
    legal("refused-yet-there", acknowledged_adds_survive, add("one"), add("two", ok=False), listing("one", "two")),
    legal(
        "killed-before-it-exited", acknowledged_adds_survive, add("one"), add("two", exit_status=None), listing("one")
    ),
    illegal(
        "lost", acknowledged_adds_survive, "CFG-1", "1 of 2 agents|lost: one|the list shows two", [1, 5],
        add("one"), add("two"), listing("two"),
    ),
    illegal("all-lost", acknowledged_adds_survive, "CFG-1", "1 of 1|shows nobody", [1, 3], add("one"), listing()),
    illegal(
        "lost-by-the-last-replacement", acknowledged_adds_survive, "CFG-1", "replaced by add-one, then add-two", [2, 7],
        released("add-one"), add("one"), released("add-two"), add("two"), listing("two"),
    ),
    illegal(
        "failure-with-exit-0", acknowledged_adds_survive, "CFG-1", "add-one|reported a failure (E) but exited 0", [1],
        add("one", ok=False, exit_status=0), listing(),
    ),
    illegal(
        "success-with-exit-1", acknowledged_adds_survive, "CFG-1", "reported success but exited 1", [1],
        add("one", exit_status=1), listing("one"),
    ),
    illegal(
        "listed-twice", acknowledged_adds_survive, "CFG-1", "one is listed 2 times", [1, 3],
        add("one"), listing("one", "one"),
    ),
    undecided("no-list", acknowledged_adds_survive, "could not be listed", add("one")),
    undecided("unreadable-list", acknowledged_adds_survive, "could not be listed", add("one"), listing(agents=None)),
    undecided("no-add", acknowledged_adds_survive, "no add came to an end", listing("one")),
    undecided("add-never-ended", acknowledged_adds_survive, "no add", start("a", "agents add", name="a"), listing()),
    undecided("all-refused", acknowledged_adds_survive, "no add succeeded", add("one", ok=False), listing()),
    undecided("add-after-the-list", acknowledged_adds_survive, "after the last add", listing(), add("one")),
    undecided(
        "add-during-the-list", acknowledged_adds_survive, "after the last add",
        start("list", "agents list"), add("one"), end("list", "agents list", agents=()),
    ),
]  # fmt: skip

CFG_2 = [
    legal("whole", readers_see_whole_config, file(), file(digest="new")),
    legal("another-file-is-torn", readers_see_whole_config, file(), file("credentials", parses=False)),
    illegal(
        "torn-once", readers_see_whole_config, "CFG-2", "3 bytes that does not parse|1 of 3", [1],
        file(), file(parses=False, size=3), file(),
    ),
    illegal("empty", readers_see_whole_config, "CFG-2", "an empty file|1 of 1", [0], file(parses=False, size=0)),
    illegal(
        "emptied", readers_see_whole_config, "CFG-2", "an empty file|1 of 3", [2],
        file(size=0), file(), file(size=0),
    ),
    legal("empty-at-first", readers_see_whole_config, file(size=0), file()),
    illegal("missing", readers_see_whole_config, "CFG-2", "found no file|1 of 2", [1], file(), gone()),
    illegal(
        "five-are-enough", readers_see_whole_config, "CFG-2", "6 of 6", [0, 1, 2, 3, 4], [file(parses=False)] * 6
    ),
    undecided("nobody-looked", readers_see_whole_config, "nobody looked", file("credentials")),
]  # fmt: skip

KILLED = {"ok": False, "exit_status": None, "code": "", "kind": "unclear"}
RUNNING = RunSeen(id="r-1", agent="a", status="running", pid=7)
CFG_3 = [
    legal("whole", crash_leaves_old_or_new, struck("v", "kill"), add("v", "v", **KILLED), file(),
        listing("lane0", actor="v-list"), add("last", "last-add")),
    legal("more-each-time", crash_leaves_old_or_new, listing("a"), struck("v", "kill"), add("v", "v", **KILLED),
        listing("a", "v", actor="v-list")),
    legal("delete-was-done", crash_leaves_old_or_new, listing("a", "b"), struck("v", "kill"),
        delete("b", "v", **KILLED), listing("a", actor="v-list")),
    illegal(
        "delete-took-another", crash_leaves_old_or_new, "CFG-3", "a killed command lost agents that had been there: a",
        [1, 6], listing("a", "b"), struck("v", "kill"), delete("b", "v", **KILLED), listing("b", actor="v-list"),
    ),
    legal(
        "cancel-was-done", crash_leaves_old_or_new, struck("v", "kill"), end("v", "runs cancel", **KILLED),
        end("v-list", "runs list", runs=()), end("v-again", "runs cancel", ok=False, code="already-finished"),
    ),
    illegal(
        "torn", crash_leaves_old_or_new, "CFG-3", "does not parse after agents add met kill at rename config.json", [3],
        struck("v", "kill", "rename", "config.json"), add("v", "v", **KILLED), file(parses=False),
    ),
    illegal("gone", crash_leaves_old_or_new, "CFG-3", "does not parse after", [1], struck("v", "kill"), gone()),
    illegal(
        "list-fails", crash_leaves_old_or_new, "CFG-3", "v-list (agents list) does not work after|kill at write|locked",
        [4], struck("v", "kill"), add("v", "v", **KILLED),
        listing(actor="v-list", ok=False, message="locked", agents=None),
    ),
    illegal(
        "next-add-fails", crash_leaves_old_or_new, "CFG-3", "last-add (agents add) does not work", [4],
        struck("v", "kill"), add("v", "v", **KILLED), add("last", "last-add", ok=False),
    ),
    illegal(
        "cancel-does-not-work-again", crash_leaves_old_or_new, "CFG-3", "v-again (runs cancel) does not work", [3],
        struck("v", "kill"), end("v", "runs cancel", **KILLED), end("v-list", "runs list", runs=(RUNNING,)),
        end("v-again", "runs cancel", ok=False, code="already-finished"),
    ),
    illegal(
        "lost", crash_leaves_old_or_new, "CFG-3", "lost agents|: a", [2, 4],
        struck("v", "kill"), listing("a", "b"), listing("b", actor="list1"),
    ),
    undecided("nothing-was-killed", crash_leaves_old_or_new, "nothing was killed", add("last", "last")),
]  # fmt: skip

CFG_8 = [
    legal("one-of-two", one_winner, add("x", "a"), add("x", "b", **REFUSED), listing("x")),
    legal("refused-by-usage", one_winner, add("x", "a"), add("x", "b", ok=False, kind="usage"), listing("main", "x")),
    illegal(
        "two-winners", one_winner, "CFG-8", "2 concurrent adds of x", [1, 3], add("x", "a"), add("x", "b"), listing("x")
    ),
    illegal(
        "nobody-won-but-it-is-there", one_winner, "CFG-8", "0 concurrent adds of x", [1, 3],
        add("x", "a", **REFUSED), add("x", "b", **REFUSED), listing("x"),
    ),
    illegal(
        "listed-twice", one_winner, "CFG-8", "x is listed 2 times", [5],
        add("x", "a"), add("x", "b", **REFUSED), listing("x", "x"),
    ),
    illegal(
        "winner-not-listed", one_winner, "CFG-8", "x is listed 0 times", [5],
        add("x", "a"), add("x", "b", **REFUSED), listing(),
    ),
    *[
        illegal(
            name, one_winner, "CFG-8", f"b lost the race for x without a typed conflict: {said}", [3],
            add("x", "a"), add("x", "b", **{**REFUSED, **how}), listing("x"),
        )
        for name, how, said in (
            ("internal", {"kind": "internal", "message": "boom"}, "boom"),
            ("unclear", {"kind": "unclear"}, "exit status 1"),
            ("no-code", {"code": ""}, "exit status 1"),
            ("died", {"exit_status": None}, "exit status None"),
        )
    ],
    illegal(
        "refused-with-exit-0", one_winner, "CFG-8", "b reported a failure (CONFLICT) but exited 0", [3],
        add("x", "a"), add("x", "b", **{**REFUSED, "exit_status": 0}), listing("x"),
    ),
    illegal(
        "won-with-exit-1", one_winner, "CFG-8", "a reported success but exited 1", [1],
        add("x", "a", exit_status=1), add("x", "b", **REFUSED), listing("x"),
    ),
    undecided("no-race", one_winner, "no name was added twice", add("x"), add("y"), listing("x", "y")),
    undecided("no-list", one_winner, "could not be listed", add("x", "a"), add("x", "b")),
    undecided("nobody-ended", one_winner, "no add came to an end", both_added(), listing()),
]  # fmt: skip

CFG_5 = [
    legal(
        "refused-and-kept", damage_is_not_defaults, file(parses=False),
        end("damaged-add", "agents add", ok=False, stderr="config.json is cut; see config.json.bak"),
        file(parses=False),
    ),
    illegal(
        "accepted", damage_is_not_defaults, "CFG-5", "damaged-list (agents list) succeeded", [1],
        file(), end("damaged-list", "agents list", stdout="config.json"), file(),
    ),
    illegal(
        "failure-with-exit-0", damage_is_not_defaults, "CFG-5", "damaged-add|reported a failure but exited 0", [1],
        file(), end("damaged-add", "agents add", ok=False, exit_status=0, stderr="config.json"), file(),
    ),
    illegal(
        "not-named", damage_is_not_defaults, "CFG-5", "does not name the damaged file config.json|bad JSON", [1],
        file(), end("damaged-add", "agents add", ok=False, message="bad JSON"), file(),
    ),
    illegal(
        "replaced", damage_is_not_defaults, "CFG-5", "was replaced by a command", [0, 2],
        file(), end("damaged-add", ok=False, stderr="config.json"), file(digest="defaults"),
    ),
    illegal(
        "removed", damage_is_not_defaults, "CFG-5", "was removed by a command", [0, 2],
        file(), end("damaged-add", ok=False, stderr="config.json"), gone(),
    ),
    undecided("not-damaged", damage_is_not_defaults, "no command met", file(), end("healthy-cut", "agents add")),
    undecided("nobody-looked", damage_is_not_defaults, "nobody looked", end("damaged-add", "agents add", ok=False)),
]  # fmt: skip

CFG_6 = [
    legal("kept", unknown_keys_survive, file(facts=OURS), add("one"), file(facts={"keys": {"x-a": "1",
        "agents": "3"}})),
    illegal(
        "lost", unknown_keys_survive, "CFG-6", "lost or changed|x-a", [0, 3],
        file(facts=OURS), add("one"), file(facts={"keys": {"agents": "3"}}),
    ),
    illegal(
        "changed", unknown_keys_survive, "CFG-6", "x-a", [0, 3],
        file(facts=OURS), add("one"), file(facts={"keys": {"x-a": "2"}}),
    ),
    illegal(
        "torn-at-the-end", unknown_keys_survive, "CFG-6", "x-a", [0, 4],
        file(facts=OURS), add("one"), file(facts=OURS), file(parses=False),
    ),
    undecided("one-look", unknown_keys_survive, "before and after", file(facts=OURS), add("one")),
    undecided("torn-before", unknown_keys_survive, "before and after", file(parses=False), add("one"), file()),
    undecided("no-add", unknown_keys_survive, "no add succeeded", file(facts=OURS), add("a", ok=False), file()),
    undecided("none-unknown", unknown_keys_survive, "no unknown key", file(), add("one"), file()),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), [*CFG_1, *CFG_2, *CFG_3, *CFG_5, *CFG_6, *CFG_8])
def test_config(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)


def test_a_hung_add_is_no_winner_and_no_conflict() -> None:
    """It was killed by the harness, and says nothing: the race is not decided in its favour."""
    check(
        *illegal(
            "hung", one_winner, "CFG-8", "b lost the race|exit status None", [4],
            add("x", "a"), start("b", "agents add", name="x"), hung("b"),
            end("b", "agents add", ok=False, kind="unclear", code="", exit_status=None), listing("x"),
        ).values
    )  # fmt: skip


def seen(actor: str, call: str, *paths: str) -> CallSeen:
    return CallSeen(actor=actor, call=call, paths=tuple(f"LAB/home/{path}" for path in paths))


def replaced(actor: str, temporary: str) -> tuple[CallSeen, CallSeen]:
    return seen(actor, "openat", temporary), seen(actor, "rename", temporary, "config.json")


def let_go(actor: str) -> CallReleased:
    return CallReleased(actor=actor, call="rename", path="LAB/home/config.json", index=3, why="barrier")


REFUSED_TO_A_TOOL = file("effect added", parses=None, facts={"times": 0})
ADDED_BY_A_TOOL = file("effect added", parses=None, facts={"times": 1})
CFG_11 = [
    legal("of-a-tool", a_tool_adds_to_the_same, ADDED_BY_A_TOOL, listing("lane0", "added")),
    illegal("of-a-tool-elsewhere", a_tool_adds_to_the_same, "CFG-11", "add of added exited 0|the list shows lane0",
        [0, 2], ADDED_BY_A_TOOL, listing("lane0")),
    undecided("refused-to-a-tool", a_tool_adds_to_the_same, "no add exited 0", REFUSED_TO_A_TOOL, listing("lane0")),
    legal("written-beside-a-repair", adds_survive_a_repair, add("a"), listing("a")),
    illegal("taken-back-by-a-repair", adds_survive_a_repair, "OPS-6", "1 of 2 agents whose add had exited 0 are lost",
        [3, 5], add("a"), add("b"), listing("a")),
    legal("both-listed", one_resource_one_lock, add("a"), add("b"), listing("a", "b")),
    illegal("one-lost", one_resource_one_lock, "CFG-11", "1 of 2 agents whose add had exited 0 are lost: a", [1, 5],
        add("a"), add("b"), listing("b")),
    undecided("none-succeeded", one_resource_one_lock, "no add succeeded", add("a", ok=False), listing("b")),
]  # fmt: skip
CFG_4 = [
    legal("one-after-the-other", temporaries_are_unique, file(), replaced("a", "t"), replaced("b", "t")),
    legal("own-ones-at-once", temporaries_are_unique, file(),
        seen("a", "openat", "t.1"), replaced("b", "t.2"), seen("a", "rename", "t.1", "config.json")),
    legal("a-temporary-that-is-the-lock", temporaries_are_unique, file(), seen("a", "openat", "t"),
        seen("b", "openat", "t"), seen("a", "write", "t"), seen("b", "openat", "t"),
        seen("a", "rename", "t", "config.json"), replaced("b", "t")),
    legal("one-that-must-be-new", temporaries_are_unique, file(), seen("a", "openat", "t"),
        replace(seen("b", "openat", "t"), makes_only=True), seen("a", "rename", "t", "config.json"),
        seen("b", "rename", "t", "config.json")),  # each call is seen before it runs
    legal("a-lock-is-no-temporary", temporaries_are_unique, file(), seen("a", "openat", "lock"),
        seen("b", "openat", "lock"), replaced("a", "t.1"), seen("b", "write", "lock")),
    illegal("shared", temporaries_are_unique, "CFG-4", "a and b had t open for writing at the same time", [1, 2, 3],
        file(), seen("a", "openat", "t"), seen("b", "openat", "t"), seen("a", "rename", "t", "config.json"),
        seen("b", "write", "t")),
    illegal("shared-by-one-that-is-held", temporaries_are_unique, "CFG-4", "a and b had t open", [1, 3, 5],
        file(), replaced("a", "t"), replaced("b", "t"), let_go("a"), let_go("b")),
    legal("held-and-then-the-next", temporaries_are_unique, file(), replaced("a", "t"), let_go("a"),
        replaced("b", "t"), let_go("b")),
    legal("the-config-itself-as-a-lock", temporaries_are_unique, file(), seen("a", "openat", "config.json"),
        seen("b", "openat", "config.json"), replaced("a", "t.1"), replaced("b", "t.2")),
    illegal("in-place-at-once", temporaries_are_unique, "CFG-4", "config.json open for writing", [1, 2, 3],
        file(), seen("a", "openat", "config.json"), seen("b", "openat", "config.json"),
        seen("a", "write", "config.json"), seen("b", "write", "config.json")),
    undecided("nobody-wrote", temporaries_are_unique, "nobody was seen writing", file()),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), [*CFG_4, *CFG_11])
def test_temporaries_and_paths(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
