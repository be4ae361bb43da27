"""OPS, RES and END: what the command line says, and the whole story."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from harness.checkers.children import RECYCLED
from harness.checkers.operator import (
    HELPER,
    WHEN_OVER,
    WORKER_STOPPED,
    config_unchanged,
    deadline_holds,
    list_shows_truth,
    never_hangs,
    one_json_document,
    stopped_turns_are_over,
)
from harness.checkers.story import whole_story
from harness.events import LockSeen, PortSeen, ProcessSeen, TreeEnded, TreeSeen
from harness.outcome import RunSeen
from tests.harness.histories import (
    add,
    answered,
    asked,
    check,
    end,
    exited,
    file,
    fired,
    history,
    hung,
    illegal,
    legal,
    listing,
    replied,
    signalled,
    start,
    survivor,
    turn,
    undecided,
)


def row(pid: int | None, status: str = "running") -> RunSeen:
    return RunSeen(id=f"r{(pid or 0) + 1000}", agent="lane0", status=status, pid=pid)


def named(identifier: str, pid: int, status: str) -> RunSeen:
    return RunSeen(id=identifier, agent="lane0", status=status, pid=pid)


def of_helper() -> RunSeen:
    return RunSeen(id="r-second", agent=HELPER, status="running", pid=102)


def over(*pids: int) -> TreeSeen:
    rows = tuple(ProcessSeen(pid=pid, parent=1, actor="gateway", command="worker") for pid in pids)
    return TreeSeen(when=WHEN_OVER, processes=rows)


def runs(*rows: RunSeen, actor: str = "list-runs", **ending: Any) -> tuple[Any, ...]:
    return start(actor, "runs list", pid=9), end(actor, "runs list", **{"runs": rows, **ending})


def below(actor: str, *pids: int) -> TreeSeen:
    """A look that found these processes below an actor's command, and nothing else."""
    rows = tuple(ProcessSeen(pid=pid, parent=100, actor=actor, command="worker") for pid in pids)
    return TreeSeen(when="now", processes=rows)


TWO = (start("a", agent="lane0", pid=100), start("b", agent="lane1", pid=101), exited("b", None, 9))
REUSED = RunSeen(id="r1101", agent="lane1", status="running", pid=100)

OPS_1 = [
    legal("nothing-runs", list_shows_truth, runs()),
    legal("helper-listed", list_shows_truth, start("a"), asked(1, HELPER), below("a", 102),
        runs(row(100), of_helper())),
    legal("helper-ended", list_shows_truth, start("a"), asked(1, HELPER), replied(1), runs(row(100))),
    illegal("helper-left-out", list_shows_truth, "OPS-1", "leaves out the run of helper", [3],
        start("a"), asked(1, HELPER), runs(row(100))),
    legal("a-pid-within-an-id", list_shows_truth, runs(named("r-1005", 100, "failed"), named("r-a101", 101, "failed"))),
    illegal(
        "ids-of-pids", list_shows_truth, "OPS-1", "the ids r-100 and r-101 differ by the pids", [1, 3],
        runs(named("r-100", 100, "failed")), runs(named("r-100", 100, "failed"), named("r-101", 101, "failed")),
    ),
    legal("one-runs", list_shows_truth, start("a"), runs(row(100))),
    legal("ended-ones-are-history", list_shows_truth, start("a"), exited("a"), runs(row(100, "interrupted"))),
    legal("history-without-a-pid", list_shows_truth, runs(row(None, "succeeded"))),
    legal(
        "ended-while-the-list-was-made", list_shows_truth, start("a"), runs(row(100))[0], exited("a"), runs(row(100))[1]
    ),
    legal("began-while-the-list-was-made", list_shows_truth, runs()[0], start("a"), runs()[1]),
    legal("adds-are-no-runs", list_shows_truth, start("a", "agents add", name="a"), runs()),
    legal("a-dead-one's-pid-is-another's", list_shows_truth, TWO, fired(RECYCLED), runs(row(100))),
    illegal(
        "ghost-by-its-pid", list_shows_truth, "OPS-1", "run r1101 of lane1, which is dead|its pid 100 is that of a",
        [5], TWO, fired(RECYCLED), runs(row(100), REUSED),
    ),
    illegal(
        "twice", list_shows_truth, "OPS-1", "list-runs shows run r1100 2 times", [2], start("a"),
        runs(row(100), row(100)),
    ),
    illegal(
        "ghost", list_shows_truth, "OPS-1", "list-runs shows run r1100 of lane0 as running|process 100 is gone", [3],
        start("a"), exited("a", None, 9), runs(row(100)),
    ),
    legal("a-process-below-the-command", list_shows_truth, start("a", agent="lane0"), below("a", 7), runs(row(7))),
    legal("a-process-that-outlived-its-command", list_shows_truth, start("a", agent="lane0"), exited("a", None, 9),
        below("a", 7), runs(row(7))),
    illegal(
        "ghost-of-a-process-below", list_shows_truth, "OPS-1", "process 7 is gone", [5],
        start("a"), below("a", 7), exited("a", None, 9), below("a"), runs(row(7)),
    ),
    illegal("left-out-beside-one-below", list_shows_truth, "OPS-1", "leaves out the run of b|process 101", [4],
        start("a", agent="lane0"), start("b", pid=101), below("a", 7), runs(row(7))),
    undecided("a-daemon-does-all", list_shows_truth, "such as a daemon's", start("a", agent="lane0"),
        start("b", pid=101, agent="lane0"), below("a", 7), runs(row(7), row(7))),
    undecided("a-daemon-of-another-turn", list_shows_truth, "such as a daemon's", start("a", agent="lane1"),
        start("b", pid=101, agent="lane0"), below("a", 7), runs(row(7))),
    undecided("a-daemon-of-another-command", list_shows_truth, "such as a daemon's", start("x", "runs list"),
        start("a", pid=101, agent="lane0"), below("x", 7), runs(row(7))),
    illegal("left-out", list_shows_truth, "OPS-1", "leaves out the run of a|process 100", [2], start("a"), runs()),
    illegal("shown-as-ended", list_shows_truth, "OPS-1", "leaves out", [2], start("a"), runs(row(100, "succeeded"))),
    illegal(
        "wrong-in-the-first-of-two", list_shows_truth, "OPS-1", "first leaves out", [2],
        start("a"), runs(actor="first"), runs(row(100)),
    ),
    undecided("no-list", list_shows_truth, "no list of runs could be read", start("a")),
    undecided("unreadable", list_shows_truth, "no list of runs", start("a"), runs(runs=None)),
    undecided("no-pids", list_shows_truth, "shows runs without their process", start("a"), runs(row(None))),
]  # fmt: skip

OPS_2 = [
    legal("one", one_json_document, end("a", documents=1), end("b", ok=False, documents=1)),
    legal("killed-outright", one_json_document, end("a", documents=1), signalled("b", signal.SIGKILL), end("b",
        documents=0)),
    illegal("none", one_json_document, "OPS-2", "a (agent) printed 0 JSON documents", [0], end("a", ok=False,
        documents=0)),
    legal("not-to-be-written", one_json_document, end("a", documents=1),
        end("unwritten-list", ok=False, exit_status=1, documents=0)),
    illegal("not-written-and-yet-done", one_json_document, "OPS-2", "exited 0, and its document could not be written",
        [1], end("a", documents=1), end("unwritten-list", ok=False, exit_status=0, documents=0)),
    illegal("two", one_json_document, "OPS-2", "printed 2 JSON", [0], end("a", documents=2)),
    illegal("noise", one_json_document, "OPS-2", "more than its document|“warn: x”", [0],
            end("a", documents=1, stray_output=True, stdout="warn: x\n{}")),
    illegal("none-after-term", one_json_document, "OPS-2", "printed 0", [1],
            signalled("a", signal.SIGTERM), end("a", ok=False, documents=0)),
    undecided("none-asked-for", one_json_document, "no command", end("a")),
    undecided("only-a-hung-one", one_json_document, "no command", hung("a"), end("a", documents=0)),
]  # fmt: skip

OPS_3 = [
    legal("in-time", deadline_holds, turn("a", timeout=1.0, ok=False, seconds=10.9), turn("b", seconds=99.0)),
    legal("starved", deadline_holds, turn("a", timeout=1.0, ok=False, seconds=11.5, queued=0.6)),
    illegal("late", deadline_holds, "OPS-3", "a had --timeout 1 and took 11.5 s", [1],
            turn("a", timeout=1, ok=False, seconds=11.5)),
    illegal("never", deadline_holds, "OPS-3", "a was still running after 60 s", [1],
            start("a", timeout=1.0), hung("a"), end("a", ok=False, seconds=60.0)),
    undecided("no-timeout", deadline_holds, "no turn had a --timeout", start("a"), hung("a"), end("a", seconds=60.0)),
    undecided("no-end", deadline_holds, "never came to an end", turn("a", timeout=1.0), start("b", timeout=1.0)),
]  # fmt: skip

STOPPED = (start("gateway", "gateway run", pid=5), *runs(row(7), row(5)), fired(WORKER_STOPPED))
STOPPED_TURNS = [
    legal("over", stopped_turns_are_over, STOPPED, over(5)),
    legal("none-was-stopped", stopped_turns_are_over, STOPPED[:-1], over(5, 7)),
    illegal("goes-on", stopped_turns_are_over, "OPS-3", "long after its --timeout lane0's turn is not over", [3, 4],
            STOPPED, over(5, 7)),
    undecided("not-looked-at", stopped_turns_are_over, "nobody looked", STOPPED),
]  # fmt: skip

OPS_5 = [
    legal("works", never_hangs, end("without-stdin-add"), file()),
    legal("nobody-could-see-it-fail", never_hangs, end("unseen-all-add", ok=False), file()),
    legal("signalled-by-us", never_hangs, signalled("a", 15), end("a", ok=False, exit_status=None), file()),
    illegal("hung", never_hangs, "OPS-5", "unseen-all-add hung|60 s", [0],
            hung("unseen-all-add"), end("unseen-all-add", ok=False, exit_status=None), file()),
    illegal("hung-before-anybody-looked", never_hangs, "OPS-5", "hung", [0], hung("unseen-all-add")),
    illegal("trace", never_hangs, "OPS-5", "ended with a stack trace", [0],
            end("unseen-x", ok=False, traceback=True), file()),
    illegal("died", never_hangs, "OPS-5", "was killed by a signal of its own", [0],
            end("unseen-x", ok=False, exit_status=None), file()),
    legal("of-the-pipe", never_hangs,
          exited("unread-x", None, 13), end("unread-x", ok=False, exit_status=None), file()),
    illegal("died-otherwise", never_hangs, "OPS-5", "was killed by a signal of its own", [1],
            exited("unread-x", None, 11), end("unread-x", ok=False, exit_status=None), file()),
    illegal("torn", never_hangs, "OPS-5", "no longer parses", [2], end("a"), file(), file(parses=False)),
    illegal("failed-for-a-stream", never_hangs, "OPS-5", "without-stdin-add|only because of its streams", [0],
            end("without-stdin-add", ok=False), file()),
    undecided("nobody-looked", never_hangs, "nobody looked at the config", end("a")),
    undecided("nothing-ended", never_hangs, "no command came to an end", start("a"), file()),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), [*OPS_1, *OPS_2, *OPS_3, *STOPPED_TURNS, *OPS_5])
def test_operator(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)


def test_an_unchanged_config_is_judged_for_any_rule() -> None:
    [finding] = config_unchanged(history(file(), file(digest="b")), "RES-1")
    assert (finding.rule, finding.evidence) == ("RES-1", (0, 1))


ADDED = (*add("lane0"), *listing("lane0"))
DONE = (*turn("lane0"), *turn("lane1"))
ENDED = (signalled("lane2", 15), *turn("lane2", ok=False, exit_status=143), *turn("lane3", ok=False, exit_status=124))
FREE = (LockSeen(path="", holder=0), PortSeen(port=0, process=""))
QUIET = TreeEnded(actor="lane0")


def story(**parts: Any) -> tuple[Any, ...]:
    """Everything as it should be (events 0 to 17), but for the parts that are given."""
    usual = {
        "fired": [fired()], "added": ADDED, "token": [answered("minted")], "done": DONE, "ended": ENDED,
        "quiet": [QUIET], "free": FREE,
    }  # fmt: skip
    return tuple({**usual, **parts}.values())


END_1 = [
    legal("as-it-should-be", whole_story, *story()),
    legal("with-a-list-of-runs", whole_story, *story(), exited("lane0"), exited("lane1"), exited("lane2"),
          exited("lane3"), runs()),
    illegal("lost", whole_story, "END-1", "CFG-1: |are lost: lane0", [2, 4], *story(added=(*add("lane0"), *listing()))),
    illegal("add-failed", whole_story, "END-1", "CFG-1: add-b failed: “E”", [4],
            *story(added=(*add("lane0"), *add("b", ok=False), *listing("lane0")))),
    illegal("reused", whole_story, "END-1", "AUT-1: ", [5, 6], *story(token=[answered("minted"), answered("reused")])),
    illegal("untouched-failed", whole_story, "END-1", "FLO-3: lane1, which nobody touched", [9],
            *story(done=(*turn("lane0"), *turn("lane1", ok=False)))),
    illegal("wrong-status", whole_story, "END-1", "CHD-7: lane2 should have ended with 143: “E” (exit 1)", [12],
            *story(ended=(signalled("lane2", 15), *turn("lane2", ok=False), *ENDED[3:]))),
    illegal("success-with-143", whole_story, "END-1", "CHD-7: lane2 should have ended", [12],
            *story(ended=(signalled("lane2", 15), *turn("lane2", exit_status=143), *ENDED[3:]))),
    illegal("never-ended", whole_story, "END-1", "CHD-7: lane3 was to end and did not", [13],
            *story(ended=(*ENDED[:3], start("lane3")))),
    illegal("hung", whole_story, "END-1", "CHD-7: lane3 was to end and did not", [13],
            *story(ended=(*ENDED, hung("lane3")))),
    illegal("survivor", whole_story, "END-1", "CHD-1: 1 process of lane2", [15], *story(quiet=[survivor("lane2")])),
    illegal("lock-held", whole_story, "END-1", "LCK-8: LAB/x.lock is still locked by process 5", [16],
            *story(free=(LockSeen(path="LAB/x.lock", holder=5), FREE[1]))),
    illegal("lock-of-an-unseen-holder", whole_story, "END-1", "LCK-8: LAB/x.lock", [16],
            *story(free=(LockSeen(path="LAB/x.lock", holder=0), FREE[1]))),
    illegal("port-open", whole_story, "END-1", "CHD-1: port 4000 is still listened on by node", [17],
            *story(free=(FREE[0], PortSeen(port=4000, process="node")))),
    illegal("left-out-of-the-list", whole_story, "END-1", "OPS-1: list-runs leaves out the run of lane0", [22],
            *story(), exited("lane1"), exited("lane2"), exited("lane3"), runs()),
    illegal("undecided-parts-hide-nothing", whole_story, "END-1", "AUT-1: ", [0, 1],
            answered("minted"), answered("reused")),
    undecided("nothing", whole_story, "could not be listed; nobody refreshed"),
    undecided("ports-not-looked-at", whole_story, "nobody looked for locks and ports", *story(free=FREE[:1])),
    undecided("never-signalled", whole_story, "lane2 was never signalled", *story(ended=ENDED[1:])),
    undecided("broke-off", whole_story, "lane3 never came to an end", *story(ended=(*ENDED[:3], start("lane3")),
        free=())),
    undecided("nobody-looked", whole_story, "nobody looked for survivors", *story(quiet=[])),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), END_1)
def test_whole_story(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
