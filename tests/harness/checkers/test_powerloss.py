"""CFG-10: the smallest legal and illegal histories of a power cut."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.powerloss import config_survives_power_loss
from harness.events import ChangeLost, FilesRecorded, Hung, PowerLost
from tests.harness.histories import add, check, delete, file, gone, illegal, legal, listing, undecided

JUDGE = config_survives_power_loss
BEFORE = listing("lane0", actor="before")
ADDED = add("lane1")


def recorded(**facts: Any) -> FilesRecorded:
    usual = {"actors": ("add-lane1",), "operations": ("rename config.json",), "states": 1, "left_out": 0, "unknown": ()}
    return FilesRecorded(**{**usual, **facts})


def cut(*lost: ChangeLost, moment: int = 9, behind: tuple[str, ...] = ()) -> PowerLost:
    return PowerLost(trial="cut0", moment=moment, operations=9, lost=lost, models=("posix",), behind=behind)


def lost(what: Any = "bytes", *, call: str = "write", path: str = "home/config.json", **facts: Any) -> ChangeLost:
    return ChangeLost(**{"path": path, "call": call, "what": what, "left": "nothing", "moved": False, **facts})


def after(*listed: str, **ending: Any) -> tuple[Any, ...]:
    """The trial's own add and list."""
    return (*add("lane2", "cut0-add", **ending), *listing(*listed, actor="cut0-list"))


def hung_after() -> tuple[Any, ...]:
    """The trial's own add, which had to be killed."""
    started, finished = add("lane2", "cut0-add", ok=False, exit_status=None)
    return started, Hung(actor="cut0-add", seconds=20), finished


UNSYNCED = lost(moved=True)
UNNAMED = lost("name", call="rename")
WHOLE = (BEFORE, ADDED, recorded())
DELETED = (listing("lane0", "lane1", actor="before"), delete("lane1"), recorded(actors=("delete-lane1",)))

CFG_10 = [
    legal("nothing-lost", JUDGE, *WHOLE, cut(), file(), after("lane0", "lane1", "lane2")),
    legal("old-during", JUDGE, *WHOLE, cut(UNNAMED, moment=8), file(), after("lane0", "lane2")),
    legal("new-during", JUDGE, *WHOLE, cut(moment=8), file(), after("lane0", "lane1", "lane2")),
    legal(
        "refused-and-not-there", JUDGE,
        BEFORE, add("lane1", ok=False), recorded(), cut(), file(), after("lane0", "lane2"),
    ),
    illegal(
        "empty", JUDGE, "CFG-10",
        "agents add exited 0, but config.json was renamed before its data were synced: after a power cut the file is "
        "empty (1 of 1 states; this one is allowed by posix)", [5, 6],
        *WHOLE, cut(UNSYNCED), file(parses=False, size=0), after("lane2"),
    ),
    illegal(
        "zeroes", JUDGE, "CFG-10", "the file holds only zeroes (9 bytes)", [5, 6],
        *WHOLE, cut(lost(moved=True, left="zeroes")), file(parses=False), after("lane2"),
    ),
    illegal(
        "old-although-acknowledged", JUDGE, "CFG-10",
        "the folder of config.json was not synced after the rename: after a power cut lane1 is not listed", [5, 6, 10],
        *WHOLE, cut(UNNAMED), file(), after("lane0", "lane2"),
    ),
    illegal(
        "gone", JUDGE, "CFG-10", "the folder of config.json|the file is gone", [5, 6],
        *WHOLE, cut(UNNAMED), gone(), after("lane2"),
    ),
    illegal(
        "torn-in-place", JUDGE, "CFG-10", "during agents add, config.json was written in place: |(9 bytes)",
        [5, 6], *WHOLE, cut(lost(left="the end"), moment=5), file(parses=False), after("lane2"),
    ),
    illegal(
        "in-two-steps", JUDGE, "CFG-10", "during agents add, config.json was not replaced in one step|empty",
        [5, 6], *WHOLE, cut(moment=5), file(parses=False, size=0), after("lane2"),
    ),
    illegal(
        "next-add-fails", JUDGE, "CFG-10", "locks/x was not synced after the open|does not work: stale",
        [5, 6, 8], *WHOLE, cut(lost("name", call="open", path="locks/x"), moment=5), file(),
        after("lane0", ok=False, message="stale"),
    ),
    illegal(
        "a-lock-is-left-behind", JUDGE, "CFG-10",
        "during agents add, config.lock may be left behind: after a power cut agents add does not end (2 of 3 states",
        [5, 6, 9], *WHOLE, cut(moment=5, behind=("config.lock",)), file(), hung_after(),
        cut(UNNAMED, moment=5, behind=("config.lock", "tmp")), file(), hung_after(),
        cut(moment=5, behind=("tmp",)), file(), after("lane0", "lane2"),
    ),
    illegal(
        "next-list-fails", JUDGE, "CFG-10", "agents list does not work: E", [5, 6, 10],
        *WHOLE, cut(), file(), add("lane2", "cut0-add"), listing(actor="cut0-list", ok=False, agents=None),
    ),
    illegal(
        "lost-without-a-loss", JUDGE, "CFG-10",
        "agents add had ended, and power cut or not, config.json is not as it was|lane1 is not listed (1 of 2 states",
        [5, 6, 10], *WHOLE, cut(), file(), after("lane0", "lane2"), cut(UNNAMED), file(), after("lane0", "lane2"),
    ),
    illegal(
        "an-older-agent-is-lost", JUDGE, "CFG-10", "lane0 is not listed", [5, 6, 10],
        *WHOLE, cut(moment=5), file(), after("lane1", "lane2"),
    ),
    illegal(
        "the-next-add-is-lost", JUDGE, "CFG-10", "lane2 is not listed", [5, 6, 10],
        *WHOLE, cut(moment=5), file(), after("lane0"),
    ),
    illegal(
        "an-agent-of-nobody", JUDGE, "CFG-10", "ghost is listed, but nobody added", [5, 6, 10],
        *WHOLE, cut(moment=5), file(), after("lane0", "lane2", "ghost"),
    ),
    illegal(
        "one-reason-is-one-finding", JUDGE, "CFG-10", "the file is empty (2 of 3 states", [5, 6],
        *WHOLE, cut(UNSYNCED), file(parses=False, size=0), after("lane2"),
        cut(UNSYNCED), file(parses=False), after("lane2"), cut(), file(), after("lane0", "lane1", "lane2"),
    ),
    illegal(
        "a-finding-outranks-a-doubt", JUDGE, "CFG-10", "the file is empty (1 of 2 states", [8, 9],
        BEFORE, ADDED, recorded(left_out=1), cut(), file(), add("lane2", "cut0-add")[1], cut(UNSYNCED),
        file(parses=False, size=0),
    ),
    legal("deleted", JUDGE, *DELETED, cut(), file(), after("lane0", "lane2")),
    legal("delete-undone-during", JUDGE, *DELETED, cut(moment=5), file(), after("lane0", "lane1", "lane2")),
    legal("delete-done-during", JUDGE, *DELETED, cut(moment=5), file(), after("lane0", "lane2")),
    illegal(
        "back-although-deleted", JUDGE, "CFG-10",
        "agents delete exited 0, but the folder of config.json was not synced after the rename: after a power cut "
        "lane1 is listed, but that had been deleted", [5, 6, 10],
        *DELETED, cut(UNNAMED), file(), after("lane0", "lane1", "lane2"),
    ),
    illegal(
        "another-than-the-deleted-is-lost", JUDGE, "CFG-10", "lane0 is not listed", [5, 6, 10],
        *DELETED, cut(moment=5), file(), after("lane1", "lane2"),
    ),
    undecided("nothing-recorded", JUDGE, "no file operations", BEFORE, ADDED, cut(), file(), after("lane0")),
    undecided(
        "not-known-is-not-green", JUDGE, "not known: spliced data in x",
        BEFORE, ADDED, recorded(unknown=("spliced data in x",)), cut(), file(), after("lane0", "lane1", "lane2"),
    ),
    undecided(
        "not-known-is-not-red", JUDGE, "not known", BEFORE, ADDED, recorded(unknown=("x",)), cut(UNSYNCED),
        file(parses=False), after("lane2"),
    ),
    undecided(
        "left-out", JUDGE, "7 states after a power cut were not tried",
        BEFORE, ADDED, recorded(left_out=7), cut(), file(), after("lane0", "lane1", "lane2"),
    ),
    undecided("no-cut", JUDGE, "no state", *WHOLE),
    undecided("no-change", JUDGE, "no recorded add or delete", BEFORE, recorded(), cut(), file(), after("lane0")),
    undecided("a-daemon-does-it", JUDGE, "add-lane1 changed nothing itself",
        BEFORE, ADDED, recorded(actors=("before",)), cut(), file(), after("lane0")),
    undecided("a-daemon-of-an-earlier-add", JUDGE, "delete-lane1 changed nothing itself", ADDED, BEFORE,
        delete("lane1", "delete-lane1"), recorded(actors=("add-lane1",)), cut(), file(), after("lane0")),
    undecided("no-list-before", JUDGE, "not listed before", ADDED, recorded(), cut(), file(), after("lane1")),
    undecided("nobody-looked", JUDGE, "nobody looked at the config", *WHOLE, cut(), after("lane0")),
    undecided(
        "no-list-after", JUDGE, "could not be listed after cut0", *WHOLE, cut(), file(), add("x", "cut0-add")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), CFG_10)
def test_power_cuts(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
