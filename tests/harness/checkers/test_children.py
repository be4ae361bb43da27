"""CHD: the smallest legal and illegal histories of child work."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Any

import pytest

from harness.checkers.children import (
    BRIEF,
    GIVEN,
    RECYCLED,
    background_is_listed,
    given_up_is_not_success,
    grace_is_granted,
    killed_is_not_success,
    killed_tree_ends,
    no_unaccounted_survivor,
    peers_unharmed,
    recycled_pid_is_spared,
    signals_are_told,
    workspace_quiet,
)
from harness.events import FileSeen, ServiceSeen, TreeEnded, TreeSeen, WorkspaceSeen
from harness.outcome import RunSeen
from tests.harness.histories import (
    beat,
    check,
    end,
    exited,
    file,
    fired,
    hung,
    illegal,
    legal,
    runs_listed,
    signalled,
    start,
    struck,
    survivor,
    turn,
    undecided,
)

TERM, INT, KILL, HUP = signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGHUP
QUIET = TreeEnded(actor="lane0")
SERVICE = ServiceSeen(pid=9, command="/opt/daemon", ended=True)
LAST_LOOK = TreeSeen(when="at the end of the run", processes=())


def workspace(fingerprint: str, when: str = "later", agent: str = "lane0") -> WorkspaceSeen:
    return WorkspaceSeen(workspace=agent, when=when, fingerprint=fingerprint)


def brief(*handles: str) -> Any:
    """The list of two runs with background work; that of the second has these handles left."""
    rows = (("lane0", ("job1",)), (BRIEF, handles))
    seen = (RunSeen(id=f"r-{agent}", agent=agent, status="succeeded", pid=None, jobs=jobs) for agent, jobs in rows)
    return start("list", "runs list"), end("list", "runs list", runs=tuple(seen))


def runs(*handles: str) -> Any:
    row = RunSeen(id="r1", agent="lane0", status="succeeded", pid=None, jobs=handles)
    return start("list", "runs list"), end("list", "runs list", runs=(row,))


SURVIVORS = [
    case
    for checker, rule, words in (
        (no_unaccounted_survivor, "CHD-1", "after it had ended"),
        (killed_tree_ends, "CHD-2", "after its command had been killed"),
    )
    for case in (
        legal("gone", checker, exited("lane0"), QUIET),
        legal("listed", checker, exited("lane0"), survivor("lane0", listed="r1")),
        illegal(
            "two-live-on", checker, rule, f"2 processes of lane0 lived on {words}|build 7; build 8", [1, 2],
            exited("lane0"), survivor("lane0"), survivor("lane0", 8),
        ),
        illegal("one-is-not-listed", checker, rule, "1 process of lane0|build 8", [2],
                exited("lane0"), survivor("lane0", listed="r1"), survivor("lane0", 8)),
        illegal("long-commands-are-told-apart", checker, rule, ": python -S __main__.py --heartbeat plain", [1],
                exited("lane0"), survivor("lane0", command="/opt/bin/python -S /opt/__main__.py --heartbeat /x/plain")),
        illegal("command-never-ended", checker, rule, "had not ended, the command itself among them", [0],
                survivor("lane0"), exited("lane0", None, 9)),
        illegal("never-exited", checker, rule, "the command itself among them", [0], survivor("lane0")),
        legal("service-ended", checker, exited("lane0"), QUIET, SERVICE),
        illegal("service-stays", checker, rule, "commands had left behind does not end by SIGTERM: daemon", [2],
            exited("lane0"), QUIET, replace(SERVICE, ended=False)),
        undecided("nobody-looked", checker, "nobody looked for survivors", exited("lane0")),
        undecided("only-the-runner-looked", checker, "nobody looked for survivors", exited("lane0"), LAST_LOOK),
    )
]  # fmt: skip

CHD_3 = [
    legal("quiet", workspace_quiet, exited("lane0"), workspace("a"), workspace("a")),
    legal(
        "two-quiet-ones", workspace_quiet, exited("lane0"), exited("lane1"),
        workspace("a"), workspace("b", agent="lane1"), workspace("a"), workspace("b", agent="lane1"),
    ),
    illegal(
        "changed", workspace_quiet, "CHD-3", "workspace of lane0 went on changing|(later)", [1, 2],
        exited("lane0"), workspace("a"), workspace("b"),
    ),
    illegal(
        "changed-and-changed-back", workspace_quiet, "CHD-3", "went on changing", [1, 2],
        exited("lane0"), workspace("a"), workspace("b"), workspace("a"),
    ),
    undecided("one-look", workspace_quiet, "not looked at twice", exited("lane0"), workspace("a")),
    undecided("no-look", workspace_quiet, "not looked at twice", exited("lane0")),
    undecided("not-returned", workspace_quiet, "before the command had returned", workspace("a"), workspace("b")),
    undecided(
        "another-has-returned", workspace_quiet, "workspace of lane0 was looked at before", exited("lane1"),
        workspace("a"), workspace("b"), workspace("c", agent="lane1"), workspace("c", agent="lane1"),
    ),
]  # fmt: skip

CHD_4 = [
    legal("listed-and-cancelled", background_is_listed, beat("background"), runs("job1"), QUIET),
    legal("ended-by-itself", background_is_listed, beat("background"), TreeEnded(actor=BRIEF), brief(), QUIET),
    legal("not-quite-ended", background_is_listed, beat("background"), brief("job2"), TreeEnded(actor=BRIEF), QUIET),
    illegal(
        "listed-for-ever", background_is_listed, "CHD-4", "shows job2, background work that had ended", [1, 3],
        beat("background"), TreeEnded(actor=BRIEF), brief("job2"), QUIET,
    ),
    illegal("not-listed", background_is_listed, "CHD-4", "no list of runs shows a handle", [2], beat("background"),
        runs()),
    illegal(
        "outlives-its-cancel", background_is_listed, "CHD-4", "although all that is listed was cancelled", [4],
        beat("background"), runs("job1"), exited("lane0"), survivor("lane0"),
    ),
    legal("delegates-goes-on", background_is_listed, beat(GIVEN), beat("background"), beat(GIVEN), runs("job1"), QUIET),
    illegal(
        "delegates-has-ended", background_is_listed, "CHD-4", "that an agent had begun which works for another", [0, 2],
        beat(GIVEN), beat("background"), beat(GIVEN, False), runs("job1"), QUIET,
    ),
    legal("goes-on-printing", background_is_listed, beat("background"), beat("background"), runs("job1"), QUIET),
    illegal("ends-as-it-prints", background_is_listed, "CHD-4", "background work that prints ended", [0, 1],
        beat("background"), beat("background", False), runs("job1"), QUIET),
    undecided("only-the-delegates", background_is_listed, "was not seen at work", beat(GIVEN), runs("job1")),
    undecided("never-at-work", background_is_listed, "was not seen at work", beat("background", False), runs("job1")),
    undecided("no-list", background_is_listed, "list never came to an end", beat("background")),
    undecided(
        "unreadable-list", background_is_listed, "could not be listed: “E” (exit 1)",
        beat("background"), end("list", "runs list", ok=False),
    ),
    undecided("nobody-looked", background_is_listed, "nobody looked", beat("background"), runs("job1")),
]  # fmt: skip

CHD_5 = [
    legal("lives-on", peers_unharmed, beat("peer"), fired(), beat("peer")),
    legal("victim-stops", peers_unharmed, fired(), beat("victim", False), beat("peer")),
    illegal("stopped", peers_unharmed, "CHD-5", "stopped peer", [2], beat("peer"), fired(), beat("peer", False)),
    illegal(
        "failed", peers_unharmed, "CHD-5", "peer failed when another run was ended: “E” (killed)", [3],
        fired(), beat("peer"), turn("peer", ok=False, exit_status=None),
    ),
    legal("victim-failed", peers_unharmed, fired(), beat("peer"), turn("victim", ok=False)),
    undecided("peer-never-began", peers_unharmed, "no peer's child work", beat("peer", False)),
    undecided("not-looked-at-afterwards", peers_unharmed, "no peer's child work", beat("peer"), fired()),
]  # fmt: skip

CANCELS = (start("cancel", "runs cancel"), end("cancel", "runs cancel"))
CHD_7 = [
    legal("term", killed_is_not_success, signalled("a", TERM), turn("a", ok=False, exit_status=143)),
    legal("by-its-id", killed_is_not_success, CANCELS, turn("cancelled", ok=False, exit_status=1)),
    illegal("by-its-id-and-content", killed_is_not_success, "CHD-7", "cancelled was ended from outside and still", [3],
        CANCELS, turn("cancelled")),
    legal("int", killed_is_not_success, signalled("a", INT), turn("a", ok=False, exit_status=130)),
    legal("hang-up", killed_is_not_success, signalled("a", HUP), turn("a", ok=False, exit_status=129)),
    legal("by-the-hang-up", killed_is_not_success, signalled("a", HUP), turn("a", ok=False, exit_status=None)),
    legal("hang-up-fails", killed_is_not_success, signalled("a", HUP), turn("a", ok=False, exit_status=1)),
    illegal(
        "hang-up-exits-0", killed_is_not_success, "CHD-7", "a exited 0; the status for this is 129", [2],
        signalled("a", HUP), turn("a", ok=False, exit_status=0),
    ),
    legal("timeout", killed_is_not_success, turn("timeout", timeout=2.0, ok=False, exit_status=124, seconds=2.1)),
    legal(
        "others-may-succeed", killed_is_not_success, signalled("a", TERM), turn("a", ok=False, exit_status=143),
        turn("undisturbed"), turn("b", timeout=9.0),
    ),
    illegal(
        "success", killed_is_not_success, "CHD-7", "a was ended from outside and still reported success|(exit 0)", [2],
        signalled("a", TERM), turn("a"),
    ),
    illegal(
        "success-with-143", killed_is_not_success, "CHD-7", "still reported success|(exit 143)", [2],
        signalled("a", TERM), turn("a", exit_status=143),
    ),
    illegal(
        "silent-death", killed_is_not_success, "CHD-7", "died by the signal without a report|is 143", [2],
        signalled("a", TERM, "group"), turn("a", ok=False, exit_status=None),
    ),
    illegal(
        "exit-0", killed_is_not_success, "CHD-7", "a exited 0; the status for this is 130", [2],
        signalled("a", INT), turn("a", ok=False, exit_status=0),
    ),
    illegal(
        "wrong-signal", killed_is_not_success, "CHD-7", "exited 130; the status for this is 143", [2],
        signalled("a", TERM), turn("a", ok=False, exit_status=130),
    ),
    illegal(
        "timeout-exits-1", killed_is_not_success, "CHD-7", "exited 1; the status for this is 124", [1],
        turn("timeout", timeout=2.0, ok=False, seconds=2.1),
    ),
    illegal(
        "never-ended", killed_is_not_success, "CHD-7", "a did not end at all: after 60 s", [3],
        signalled("a", TERM), start("a"), hung("a"), end("a", ok=False, exit_status=None),
    ),
    legal("listed-as-cancelled", killed_is_not_success, signalled("a", TERM), start("a", agent="x"),
        end("a", ok=False, exit_status=143), runs_listed("list", "x", "cancelled")),
    legal("another's-success", killed_is_not_success, signalled("a", TERM), start("a", agent="x"),
        end("a", ok=False, exit_status=143), runs_listed("list", "y", "succeeded")),
    illegal("killed-and-listed-as-success", killed_is_not_success, "CHD-7", "list shows the run of y as succeeded", [6],
        signalled("a", TERM), turn("a", ok=False, exit_status=143), start("b", agent="y"),
        end("b", ok=False, exit_status=None), runs_listed("list", "y", "succeeded")),
    undecided("nobody-was-ended", killed_is_not_success, "no run that was ended", turn("a")),
    undecided("killed-outright", killed_is_not_success, "no run", signalled("a", KILL), turn("a", ok=False)),
    undecided("a-child-was-signalled", killed_is_not_success, "no run", signalled("a", TERM, "child"), turn("a")),
    undecided("no-end", killed_is_not_success, "came to an end", signalled("a", TERM), start("a")),
    undecided(
        "failed-before-its-timeout", killed_is_not_success, "no run",
        turn("timeout", timeout=20.0, ok=False, seconds=0.4),
    ),
]  # fmt: skip

MET = (struck("struck0", "SIGTERM", "rename", "home/config.json"), start("struck0"))
CHD_7_ANYWHERE = [
    legal("says-so", signals_are_told, MET, end("struck0", ok=False, exit_status=143)),
    legal("died-of-it", signals_are_told, MET, end("struck0", ok=False, exit_status=None)),
    legal("had-done-its-work", signals_are_told, MET, end("struck0")),
    illegal("fails-as-always", signals_are_told, "CHD-7", "(SIGTERM at rename home/config.json) exited 1", [0, 2],
        MET, end("struck0", ok=False, exit_status=1)),
    illegal("another-signal's", signals_are_told, "CHD-7", "exited 130; the status for this is 143", [0, 2],
        MET, end("struck0", ok=False, exit_status=130)),
    illegal("exits-0", signals_are_told, "CHD-7", "exited 0; the status", [0, 2],
        MET, end("struck0", ok=False, exit_status=0)),
    illegal("claims-success", signals_are_told, "CHD-7", "exited 143 and claims success", [0, 2],
        MET, end("struck0", exit_status=143)),
    illegal("hangs", signals_are_told, "CHD-7", "did not end at all", [0, 3],
        MET, hung("struck0"), end("struck0", ok=False, exit_status=None)),
    undecided("no-signal", signals_are_told, "no command got a signal", struck("struck0"), turn("struck0")),
]  # fmt: skip

REUSED = (fired(RECYCLED), start("cancel", "runs cancel"))
OVER = {"ok": False, "kind": "local", "code": "already-finished"}
CHD_9 = [
    legal("stranger-spared", recycled_pid_is_spared, REUSED, end("cancel", "runs cancel", **OVER), beat("peer")),
    illegal("stranger-ended", recycled_pid_is_spared, "CHD-9", "ended peer, which only has its pid", [0, 2, 3],
        REUSED, end("cancel", "runs cancel"), beat("peer", advanced=False)),
    illegal("untyped", recycled_pid_is_spared, "CHD-9", "without a typed answer", [2],
        REUSED, end("cancel", "runs cancel", ok=False, kind="internal"), beat("peer")),
    undecided("nobody-looked", recycled_pid_is_spared, "nobody looked",
        REUSED, beat("peer"), end("cancel", "runs cancel", **OVER)),
    undecided("nothing-reused", recycled_pid_is_spared, "no pid was reused",
        start("cancel", "runs cancel"), end("cancel", "runs cancel", **OVER), beat("peer")),
    undecided("no-cancel", recycled_pid_is_spared, "cancel never came to an end", REUSED, beat("peer")),
]  # fmt: skip


GIVEN_UP = given_up_is_not_success
SHOWN = (RunSeen(id="r1", agent="lane0", status="succeeded", pid=None, jobs=()),)
CHD_7_GIVEN_UP = [
    legal("says-so", GIVEN_UP, fired(), turn("lane0", ok=False)),
    legal("an-answer-after-all", GIVEN_UP, turn("lane0")),
    illegal("claims-success", GIVEN_UP, "CHD-7", "lane0 was given up as its model asked for tools", [2],
        fired(), turn("lane0")),
    illegal("exits-0", GIVEN_UP, "CHD-7", "and reports success", [2], fired(), turn("lane0", ok=False, exit_status=0)),
    illegal("listed-as-success", GIVEN_UP, "CHD-7", "list shows the run of lane0 as succeeded", [4], fired(),
        start("lane0", agent="lane0"), end("lane0", ok=False), start("list", "runs list"),
        end("list", "runs list", runs=SHOWN)),
    undecided("never-ended", GIVEN_UP, "no turn came to an end", fired(), start("lane0")),
]  # fmt: skip

TOLD = (start("a"), signalled("a", TERM), end("a", ok=False, kind="stopped", exit_status=143))


def times(count: int) -> FileSeen:
    return file("effect a", facts={"times": count})


CHD_1_GRACE = [
    legal("saved", grace_is_granted, TOLD, times(2)),
    illegal("killed-as-it-saved", grace_is_granted, "CHD-1", "the work of a was ended within the grace period", [2, 3],
        TOLD, times(1)),
    undecided("nothing-begun", grace_is_granted, "no work had begun", TOLD, times(0)),
    undecided("nobody-told-it", grace_is_granted, "no work had begun", start("a"), end("a"), times(2)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("checker", "events", "expected"),
    [*SURVIVORS, *CHD_1_GRACE, *CHD_3, *CHD_4, *CHD_5, *CHD_7, *CHD_7_ANYWHERE, *CHD_7_GIVEN_UP, *CHD_9],
)
def test_children(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)


def test_survivors_are_one_finding_for_each_actor() -> None:
    checker, events, _ = illegal(
        "", no_unaccounted_survivor, "", "", [], survivor("a"), survivor("b"), survivor("a")
    ).values
    check(checker, events, (("CHD-1", ("2 processes of a",), (0, 2)), ("CHD-1", ("1 process of b",), (1,))))
