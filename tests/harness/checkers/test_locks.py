"""LCK: the smallest legal and illegal histories of a session that is held, abandoned, or believed to be held."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.locks import (
    busy_is_typed,
    dead_holder_recovered,
    isolated_agents_do_not_contend,
    lock_released,
    peers_end_before,
    queue_or_refuse_is_said,
    run_does_not_wait_for_its_asker,
    run_does_not_wait_for_itself,
    session_is_held_alone,
    slow_writer_is_fenced,
    stale_record_does_not_block,
    stopped_holder_is_not_robbed,
    superseded_holder_is_fenced,
)
from harness.events import CallReleased, ProcessSeen, TreeSeen, What
from harness.outcome import HolderSeen
from tests.harness.histories import (
    asked,
    beat,
    check,
    end,
    file,
    fired,
    illegal,
    legal,
    replied,
    runs_listed,
    signalled,
    start,
    turn,
    undecided,
)

HELD = fired("held at lane0")

LCK_1 = [
    legal("all-succeed", isolated_agents_do_not_contend, asked(1, "a"), turn("a"), asked(2, "b"), turn("b")),
    illegal(
        "one-failed", isolated_agents_do_not_contend, "LCK-1", "b, alone in its workspace, failed: “locked” (exit 1)",
        [4], asked(1, "a"), turn("a"), turn("b", ok=False, message="locked"),
    ),
    illegal(
        "a-silent-success-hides-no-failure", isolated_agents_do_not_contend, "LCK-1", "b, alone", [3],
        turn("a"), turn("b", ok=False),
    ),
    undecided("no-turn", isolated_agents_do_not_contend, "no turn was started"),
    undecided("never-ended", isolated_agents_do_not_contend, "b never came", asked(1, "a"), turn("a"), start("b")),
    undecided("asked-nobody", isolated_agents_do_not_contend, "a succeeded without asking any provider", turn("a")),
    undecided("asked-by-another", isolated_agents_do_not_contend, "a succeeded without", asked(1, "b"), turn("a")),
    legal("peers-first", peers_end_before, HELD, turn("lane1"), turn("lane0")),
    legal("nobody-was-held", peers_end_before, fired("something else"), turn("lane0"), turn("lane1")),
    illegal(
        "peer-waited", peers_end_before, "LCK-1", "lane2 ended only after the stalled lane0", [0, 4],
        HELD, turn("lane1"), turn("lane0"), turn("lane2"),
    ),
    undecided("stalled-never-ended", peers_end_before, "the stalled turn never ended", HELD, turn("lane1")),
    undecided("peer-never-ended", peers_end_before, "lane1 never came", HELD, start("lane1"), turn("lane0")),
]  # fmt: skip

FREE = [
    case
    for checker, rule, when in (
        (dead_holder_recovered, "LCK-2", "after its holder had been killed"),
        (stale_record_does_not_block, "LCK-3", "because of a leftover record"),
        (lock_released, "LCK-8", "after the run before it had ended"),
    )
    for case in (
        legal("at-once", checker, turn("undisturbed"), turn("after-x")),
        legal("within-the-bound", checker, turn("undisturbed"), turn("after-x", seconds=6.0)),
        illegal("too-late", checker, rule, f"after-x took 6.1 s {when}|undisturbed it takes 1.0 s", [3],
                turn("undisturbed"), turn("after-x", seconds=6.1)),
        legal("starved", checker, turn("undisturbed"), turn("after-x", seconds=8.0, queued=2.0)),
        illegal("slow-and-starved", checker, rule, f"after-x took 6.5 s {when}|undisturbed it takes 0.9 s", [3],
                turn("undisturbed", queued=0.1), turn("after-x", seconds=8.0, queued=1.5)),
        illegal("failed", checker, rule, f"after-x failed {when}|“E” (exit 1)", [3],
                turn("undisturbed"), turn("after-x", ok=False)),
        illegal("one-of-two-failed", checker, rule, "after-y failed", [5],
                turn("undisturbed"), turn("after-x"), turn("after-y", ok=False), start("after-z")),
        undecided("no-later-turn", checker, "no turn after… was started", turn("undisturbed"), turn("error")),
        undecided("no-yardstick", checker, "undisturbed never came to an end", turn("after-x")),
        undecided("yardstick-failed", checker, "the undisturbed turn failed: “E”",
                  turn("undisturbed", ok=False), turn("after-x")),
        undecided("one-never-ended", checker, "after-y never came",
                  turn("undisturbed"), turn("after-x"), start("after-y")),
    )
]  # fmt: skip


def busy(**changes: Any) -> dict[str, Any]:
    holder = HolderSeen(**{"pid": 100, "run": "r1", "age": 0.5, **changes.pop("holder", {})})
    return {"ok": False, "kind": "busy", "code": "BUSY", "exit_status": 75, "holder": holder, **changes}


def below(*pids: int, actor: str = "holder") -> TreeSeen:
    rows = tuple(ProcessSeen(pid=pid, parent=100, actor=actor, command="c") for pid in pids)
    return TreeSeen(when="held", processes=rows)


LCK_6 = [
    legal("names-its-holder", busy_is_typed, start("holder"), turn("second", **busy())),
    legal("named-by-the-gateway-too", busy_is_typed, start("holder"), turn("second", **busy()),
        turn("second-routed", **busy())),
    illegal("not-by-the-gateway", busy_is_typed, "LCK-6", "second-routed, of a held session|pid is not named", [4],
        start("holder"), turn("second", **busy()), turn("second-routed", **busy(holder={"pid": None}))),
    legal("held-by-a-child", busy_is_typed, start("holder"), below(101), turn("second", **busy(holder={"pid": 101}))),
    legal("just-taken", busy_is_typed, start("holder"), turn("second", **busy(holder={"age": 0.0}))),
    *[
        illegal(name, busy_is_typed, "LCK-6", f"was refused with|{words}", [2], start("holder"), turn("second", **how))
        for name, words, how in (
            ("untyped", "it is not typed as busy", busy(kind="internal")),
            ("no-code", "it is not typed as busy", busy(code="")),
            ("exit-0", "its exit status is 0", busy(exit_status=0)),
            ("killed", "its exit status is None", busy(exit_status=None)),
            ("no-pid", "the holder's pid is not named", busy(holder={"pid": None})),
            ("wrong-pid", "it names pid 5, but the holder is 100", busy(holder={"pid": 5})),
            ("no-run", "the holder's run is not named", busy(holder={"run": None})),
            ("empty-run", "the holder's run is not named", busy(holder={"run": ""})),
            ("no-age", "how long it has been held is not said", busy(holder={"age": None})),
            ("before-it-began", "how long it has been held is not said", busy(holder={"age": -1.0})),
            ("no-holder", "pid is not named; the holder's run is not named; how long", busy() | {"holder": None}),
        )
    ],
    illegal(
        "names-a-child-of-another", busy_is_typed, "LCK-6", "it names pid 101", [3],
        start("holder"), below(101, actor="second"), turn("second", **busy(holder={"pid": 101})),
    ),
    legal(
        "names-a-listed-run", busy_is_typed,
        start("holder"), runs_listed("list", "lane0", "running", run="r1", pid=100), turn("second", **busy()),
    ),
    illegal(
        "names-another-run", busy_is_typed, "LCK-6", "it names run r1, but the holder's is r9", [4],
        start("holder"), runs_listed("list", "lane0", "running", run="r9", pid=100), turn("second", **busy()),
    ),
    *[
        illegal(f"{actor}-{name}", busy_is_typed, "LCK-6", f"{actor} was told|{age} s, after|{bound}", evidence,
            start("holder"), asked(1, "holder"), [beat("holder")] * 20, *ends)
        for name, age, bound in (("younger", 0.5, " s at least"), ("older", 60.0, " s at most"))
        for actor, evidence, ends in (
            ("second", [0, 22, 23], [turn("second", **busy(holder={"age": age}))]),
            ("third", [0, 24, 25],
                [turn("second", **busy(holder={"age": 2})), turn("third", **busy(holder={"age": age}))]),
        )
    ],
    legal("in-whole-seconds", busy_is_typed, start("holder"), asked(1, "holder"), [beat("holder")] * 17,
        turn("second", **busy(holder={"age": 1}))),
    undecided("not-held", busy_is_typed, "the session was not held", start("holder"), turn("second")),
    undecided("no-second-run", busy_is_typed, "second never came to an end", start("holder"), end("holder")),
    undecided("no-holder-started", busy_is_typed, "holder was never started", turn("second", **busy())),
]  # fmt: skip


def later(*told: str) -> tuple[What, ...]:
    """The turn after all others, and what it tells its provider of the conversation."""
    return asked(9, "after-all", markers=(*told, "after-all")), *turn("after-all")


BUSY: dict[str, Any] = {"ok": False, "message": "busy"}
BOTH = (start("holder"), start("second"))
ENDS = (end("second"), end("holder", ok=False, message="superseded"))
FENCED = superseded_holder_is_fenced
LCK_5 = [
    legal("wrote-nothing", FENCED, BOTH, ENDS, later("holder", "second", "re-second")),
    legal("one-after-the-other", FENCED, turn("holder"), turn("second"),
        later("holder", "re-holder", "second", "re-second")),
    legal("its-own-part-came-before", FENCED, BOTH, end("second"), end("holder", ok=False),
        later("holder", "re-holder", "second", "re-second")),
    legal("words-of-the-program's-own", FENCED, BOTH, ENDS,
        later("reply_to", "holder", "reply_to", "second", "re-second")),
    illegal("wrote-late", FENCED, "LCK-5", "holder appended|number 1, after second had been granted number 2", [1, 4],
        BOTH, end("second"), end("holder"), later("holder", "second", "re-second", "re-holder")),
    illegal("says-it-succeeded", FENCED, "LCK-5", "holder reported success", [3, 4],
        BOTH, end("second"), end("holder"), later("holder", "second", "re-second")),
    illegal("spoilt-what-stood-there", FENCED, "LCK-5", "second reported success", [2, 4],
        BOTH, end("second"), end("holder", ok=False), later("holder", "second")),
    undecided("no-later-turn", FENCED, "no later turn asked a provider", BOTH, ENDS),
    undecided("nobody-came-after", FENCED, "no lock passed on", BOTH, ENDS, later("holder")),
    undecided("never-ended", FENCED, "holder never came", BOTH, end("second"), later("holder", "second", "re-second")),
]  # fmt: skip

SLOW = slow_writer_is_fenced
LCK_5_SLOW = [
    legal("refused-meanwhile", SLOW, BOTH, end("holder"), end("second", ok=False, kind="busy"),
        later("holder", "re-holder")),
    legal("before-the-other", SLOW, BOTH, ENDS, later("holder", "re-holder", "second", "re-second")),
    illegal("behind-its-back", SLOW, "LCK-5", "number 1, after second had been granted number 2", [1, 4],
        BOTH, end("second"), end("holder"), later("holder", "second", "re-second", "re-holder")),
    undecided("nobody-refused-or-told", SLOW, "no lock passed on", BOTH, ENDS, later("holder")),
]  # fmt: skip

ALONE = run_does_not_wait_for_itself


def within(*ends: str, outer: Any = ()) -> tuple[What, ...]:
    """An outer turn, and how far the one within it came."""
    return *(outer or turn("outer")), *(file(f"effect inner-{name}", facts={"times": 1}) for name in ends)


TIMED_OUT = turn("outer", ok=False, message="timed out", exit_status=124)
LCK_7 = [
    legal("both-end", ALONE, within("begun", "ended")),
    illegal("waits-for-itself", ALONE, "LCK-7", "the one within waited for it|“timed out” (exit 124)", [1],
        within("begun", outer=TIMED_OUT)),
    illegal("fails-because-of-it", ALONE, "LCK-7", "ended, and it failed all the same", [1],
        within("begun", "ended", outer=TIMED_OUT)),
    undecided("never-begun", ALONE, "was never carried out", within()),
    undecided("left-behind", ALONE, "left the turn within it unended", within("begun")),
    undecided("outer-never-ended", ALONE, "outer never came", start("outer")),
]  # fmt: skip

BACK = run_does_not_wait_for_its_asker
LCK_7_BACK = [
    legal("both-end", BACK, asked(1, "outer.a"), asked(2, "outer.a", step=1), turn("outer")),
    illegal("waits", BACK, "LCK-7", "its turn failed: “timed out”", [0, 3],
        asked(1, "outer.a"), asked(2, "outer.a", step=1), TIMED_OUT),
    illegal("waits-in-the-tool", BACK, "LCK-7", "its turn failed", [0, 2], asked(1, "outer.a"), TIMED_OUT),
    undecided("gave-nothing-back", BACK, "did not give any", asked(1, "outer.a"), turn("outer")),
    undecided("nobody-was-asked", BACK, "was never asked", TIMED_OUT),
]  # fmt: skip

ALONE_THERE = session_is_held_alone
HELD = (start("third"), start("second"))
LCK_4_LATE = [
    legal("one-after-the-other", ALONE_THERE, HELD, asked(1, "third"), replied(1), end("third"), asked(2, "second"),
        replied(2), end("second")),
    legal("while-the-other-ends", ALONE_THERE, HELD, asked(1, "third"), replied(1), asked(2, "second"), end("third"),
        replied(2), end("second")),
    legal("refused", ALONE_THERE, HELD, asked(1, "third"), end("second", **BUSY), replied(1), end("third")),
    illegal("both-at-once", ALONE_THERE, "LCK-4", "second asked its model while third had the session", [2, 3, 5],
        HELD, asked(1, "third"), asked(2, "second"), replied(2), replied(1), end("second"), end("third")),
    undecided("asked-nobody", ALONE_THERE, "asked no provider", HELD, asked(1, "third"), end("third"), end("second")),
    undecided("never-ended", ALONE_THERE, "second never came to an end", HELD, asked(1, "third"), end("third")),
]  # fmt: skip

STOPPED, RESUMED = signalled("holder", 19, "group"), signalled("holder", 18, "group")
STORED = CallReleased(actor="holder", call="openat", path="session", index=1, why="the scenario went on")
INTRUDED = (*BOTH, STOPPED, asked(5, "second"))
ROBBED = stopped_holder_is_not_robbed
LCK_4 = [
    legal("second-is-refused", ROBBED, BOTH, STOPPED, end("second", **BUSY), RESUMED, end("holder"),
        later("holder", "re-holder")),
    legal("second-waits", ROBBED, BOTH, STOPPED, RESUMED, end("holder"), asked(5, "second"), end("second"),
        later("holder", "re-holder", "second", "re-second")),
    legal("robbed-and-fenced-off", ROBBED, INTRUDED, end("second"), RESUMED, end("holder", ok=False),
        later("holder", "second", "re-second")),
    illegal("robbed", ROBBED, "LCK-4", "only stopped; another run got its session|holder appended", [3, 5, 6, 7],
        INTRUDED, end("second"), RESUMED, end("holder"), later("holder", "second", "re-second", "re-holder")),
    illegal("robbed-while-it-stores", ROBBED, "LCK-4", "another run got its session|holder appended", [3, 5, 6, 7],
        BOTH, asked(4, "holder"), asked(5, "second"), end("second"), STORED, end("holder"),
        later("holder", "second", "re-second", "re-holder")),
    illegal("robbed-in-vain", ROBBED, "LCK-4", "only stopped; another run got its session|is lost", [3, 5, 6, 7],
        INTRUDED, end("second"), RESUMED, end("holder"), later("holder", "re-holder")),
    undecided("robbed-for-nothing", ROBBED, "no lock passed on",
        INTRUDED, end("second", ok=False), RESUMED, end("holder"), later("holder", "re-holder")),
    illegal("robbed-and-not-told", ROBBED, "LCK-4", "reported success; the session does not have", [3, 5, 6, 7],
        INTRUDED, end("second"), RESUMED, end("holder"), later("holder", "second", "re-second")),
    illegal("its-answer-is-lost", ROBBED, "LCK-4", "reported success; the session does not have", [4, 5, 6],
        BOTH, STOPPED, end("second", **BUSY), RESUMED, end("holder"), later("holder")),
    undecided("never-stopped", ROBBED, "was not stopped", BOTH, end("holder"), later("holder", "re-holder")),
    undecided("failed-otherwise", ROBBED, "failed for another reason", BOTH, STOPPED, RESUMED, end("holder", ok=False),
        later("holder")),
    undecided("no-later-turn", ROBBED, "no later turn asked", BOTH, STOPPED, RESUMED, end("holder")),
]  # fmt: skip


QUEUED = (start("holder"), asked(1, "holder"), start("second"))
SAID, SILENT = (file("standard error of second", size=size) for size in (30, 0))
TOLD = asked(2, "second", markers=("holder", "re-holder", "second"))
OPS_4 = [
    legal("waits-and-says-so", queue_or_refuse_is_said, QUEUED, SAID, replied(1), TOLD, end("second")),
    legal("refused", queue_or_refuse_is_said, QUEUED, SILENT, end("second", ok=False, kind="busy"), replied(1)),
    illegal("waits-in-silence", queue_or_refuse_is_said, "OPS-4", "said nothing", [3, 6],
        QUEUED, SILENT, replied(1), asked(2, "second"), end("second")),
    illegal("runs-beside", queue_or_refuse_is_said, "OPS-4", "ran beside the first", [3, 5],
        QUEUED, asked(2, "second"), SAID, replied(1), end("second")),
    illegal("waits-in-vain", queue_or_refuse_is_said, "OPS-4", "waited, and then was told nothing of re-holder", [4, 5],
        QUEUED, SAID, replied(1), asked(2, "second", markers=("holder", "second")), end("second")),
    illegal("fails", queue_or_refuse_is_said, "OPS-4", "neither queued nor refused clearly: |E", [4],
        QUEUED, SILENT, end("second", ok=False, kind="internal"), replied(1)),
    undecided("nobody-looked", queue_or_refuse_is_said, "nobody looked", QUEUED, replied(1), end("second")),
    undecided("not-held", queue_or_refuse_is_said, "was not held", start("second"), SAID, end("second")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("checker", "events", "expected"),
    [*LCK_1, *FREE, *LCK_4, *LCK_4_LATE, *LCK_5, *LCK_5_SLOW, *LCK_6, *LCK_7, *LCK_7_BACK, *OPS_4],
)
def test_locks(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
