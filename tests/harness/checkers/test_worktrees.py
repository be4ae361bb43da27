"""GIT-1, GIT-2, CFG-12: the smallest legal and illegal histories of agents in worktrees."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.worktrees import (
    add_and_worktree_compose,
    repository_is_unchanged,
    worktrees_exist_or_fail_cleanly,
)
from harness.events import RepositorySeen
from tests.harness.histories import add, check, illegal, legal, listing, signalled, undecided

once, same, both = worktrees_exist_or_fail_cleanly, repository_is_unchanged, add_and_worktree_compose


def seen(*worktrees: str, branches: int | None = None, **facts: Any) -> RepositorySeen:
    made = len(worktrees) if branches is None else branches
    names = ("main", *(f"agent/{number}" for number in range(made)))
    usual = {"config": "old", "broken": (), "folders": worktrees}
    return RepositorySeen(when="", branches=names, worktrees=worktrees, **{**usual, **facts})


CASES = [
    legal("all-there", once, seen(), add("a"), add("b"), seen("a", "b")),
    legal("one-failed-cleanly", once, seen(), add("a"), add("b", ok=False), seen("a")),
    illegal("missing", once, "GIT-1", "add-b exited 0, and there is no whole worktree for b", [4, 5],
        seen(), add("a"), add("b"), seen("a", broken=("b",), branches=2)),
    illegal("branch-left", once, "GIT-1", "failed adds left behind: 1 branch of nobody", [5],
        seen(), add("a"), add("b", ok=False), seen("a", branches=2)),
    illegal("folder-left", once, "GIT-1", "the folder of b", [5],
        seen(), add("a"), add("b", ok=False), seen("a", folders=("a", "b"))),
    illegal("half-left", once, "GIT-1", "a worktree of b", [5],
        seen(), add("a"), add("b", ok=False), seen("a", broken=("b",))),
    illegal("untyped", once, "GIT-1", "add-a failed without saying why", [2],
        seen(), add("a", ok=False, kind="internal"), seen()),
    undecided("one-look", once, "not looked at before and after", add("a"), seen("a")),
    undecided("no-add", once, "no add came to an end", seen(), seen()),
    legal("config-kept", same, seen(), add("a"), seen("a")),
    illegal("config-changed", same, "GIT-2", "changed the config or the HEAD", [0, 3],
        seen(), add("a"), seen("a", config="new")),
    legal("files-kept", same, seen(files=("README a",)), add("a"), seen("a", files=("README a", "new b"))),
    illegal("file-taken-back", same, "GIT-2", "changed README in the checkout of the main", [0, 3],
        seen(files=("README a",)), add("a"), seen("a", files=("README b",))),
    legal("agent-and-worktree", both, seen(), add("a"), add("b", ok=False), seen("a"), listing("a")),
    illegal("agent-alone", both, "CFG-12", "b is listed, and its worktree is not there", [7, 5],
        seen(), add("a"), add("b", ok=False), seen("a"), listing("a", "b")),
    illegal("worktree-alone", both, "CFG-12", "the worktree of a is there, and no such agent", [3, 5],
        seen(), add("a"), seen("a"), listing()),
    legal("ended-after-the-config", both, seen(), add("a", ok=False, kind="stopped"), seen("a"), listing("a")),
    illegal("folder-taken-away", both, "CFG-12", "took away what had been there before them: the folder of b", [0, 5],
        seen(folders=("b",)), add("a"), add("b", ok=False), seen("a"), listing("a")),
    illegal("branch-taken-away", both, "CFG-12", "had been there before them: the branch agent/1", [0, 5],
        seen(branches=2), add("a"), add("b", ok=False), seen("a"), listing("a")),
    legal("killed-and-again", both, seen(), add("a", actor="killed", ok=False, kind="internal"), signalled("killed", 9),
        add("a"), seen("a"), listing("a")),
    legal("worked-in-and-kept", both, seen(), add("a", ok=False, kind="internal"), signalled("add-a", 9),
        seen("a", drafts=("a",)), add("b"), seen("a", "b", drafts=("a",)), listing("b")),
    illegal("work-taken-back", both, "CFG-12", "had done since in the worktree of a is gone", [4, 7],
        seen(), add("a", ok=False, kind="internal"), signalled("add-a", 9), seen("a", drafts=("a",)), add("b"),
        seen("b"), listing("b")),
    illegal("killed-and-in-the-way", both, "CFG-12", "what it has left is in the way of add-a", [2, 5],
        seen(), add("a", actor="killed", ok=False, kind="internal"), signalled("killed", 9),
        add("a", ok=False), seen(), listing()),
    undecided("no-list", both, "list never came to an end", seen(), add("a"), seen("a")),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), CASES)
def test_worktrees(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
