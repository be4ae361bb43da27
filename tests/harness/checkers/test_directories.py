"""GIT-3: the smallest legal and illegal histories of runs in one directory."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.directories import BOTH, SHARED, directory_is_shared_by_none
from harness.checkers.directories import directory_is_used_alone as checker
from tests.harness.histories import asked, check, end, fired, illegal, legal, replied, start, undecided

BEGUN = (fired(SHARED), start("first"), asked(1, "first"), start("second"))
ENDED = (replied(1), end("first"))
BUSY = {"ok": False, "kind": "busy", "code": "workspace-busy", "exit_status": 75}
PARTS = (fired(SHARED), asked(1, BOTH[0]), asked(2, BOTH[1]))

CASES = [
    legal("in-turn", checker, BEGUN, ENDED, asked(2, "second"), end("second")),
    legal("refused", checker, BEGUN, end("second", **BUSY), ENDED),
    legal("directories-of-their-own", checker, BEGUN[1:], asked(2, "second"), ENDED, end("second")),
    illegal("at-once", checker, "GIT-3", "two runs worked in one directory at the same time", [2, 4, 5],
        BEGUN, asked(2, "second"), ENDED, end("second")),
    illegal("refused-for-no-reason", checker, "GIT-3", "refused without saying why: |E", [4],
        BEGUN, end("second", ok=False, kind="internal"), ENDED),
    undecided("first-never-asked", checker, "the first run asked nobody",
        fired(SHARED), start("second"), end("second"), ENDED),
    undecided("no-second", checker, "second never came to an end", BEGUN, ENDED),
    legal("one-after-the-other", directory_is_shared_by_none, PARTS[:2], replied(1), PARTS[2]),
    legal("directories-of-their-parts", directory_is_shared_by_none, PARTS[1:], replied(1)),
    illegal("both-at-once", directory_is_shared_by_none, "GIT-3", f"{BOTH[1]} while {BOTH[0]} was not", [1, 2, 3],
        PARTS, replied(1)),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), CASES)
def test_directories(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
