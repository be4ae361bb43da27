"""GIT-3: the smallest legal and illegal histories of runs in one directory."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.directories import SHARED
from harness.checkers.directories import directory_is_used_alone as checker
from tests.harness.histories import asked, check, end, fired, illegal, legal, replied, start, undecided

BEGUN = (fired(SHARED), start("first"), asked(1, "first"), start("second"))
ENDED = (replied(1), end("first"))
BUSY = {"ok": False, "kind": "busy", "code": "workspace-busy", "exit_status": 75}

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
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), CASES)
def test_directories(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
