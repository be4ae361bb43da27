"""RES-5: the smallest legal and illegal histories of input that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.bad_input import BEGINNING, LARGE, WORKSPACES, bad_input_is_refused
from tests.harness.histories import asked, check, end, file, illegal, legal, undecided

REFUSED = (file(), end("bad-name", ok=False, kind="usage"), file())


def folders(*names: str) -> Any:
    return file(role=WORKSPACES, facts={"names": list(names)})


CASES = [
    legal("refused", bad_input_is_refused, file(), end("bad-name", ok=False, kind="usage"), file()),
    *[
        illegal(name, bad_input_is_refused, "RES-5", f"bad-name: {words}", [1], file(), end("bad-name", **how), file())
        for name, words, how in (
            ("accepted", "bad input was accepted", {}),
            ("trace", "it ended in a stack trace", {"ok": False, "traceback": True}),
            ("internal", "the error is not typed", {"ok": False, "kind": "internal"}),
            ("unclear", "the error is not typed", {"ok": False, "kind": "unclear"}),
            ("no-code", "the error is not typed", {"ok": False, "code": ""}),
            ("exit-0", "the exit status is 0", {"ok": False, "exit_status": 0}),
            ("died", "the exit status is None", {"ok": False, "exit_status": None}),
        )
    ],
    legal("large-and-whole", bad_input_is_refused, *REFUSED,
        asked(1, LARGE, markers=(BEGINNING, LARGE)), end(LARGE)),
    legal("large-and-refused", bad_input_is_refused, *REFUSED, end(LARGE, ok=False, kind="usage")),
    illegal("large-and-cut", bad_input_is_refused, "RES-5", "told the beginning alone", [3], *REFUSED,
            asked(1, BEGINNING, markers=(BEGINNING,)), end(LARGE)),
    illegal("large-and-untyped", bad_input_is_refused, "RES-5", "large: the error is not typed", [3], *REFUSED,
            end(LARGE, ok=False, kind="internal")),
    illegal("changed", bad_input_is_refused, "RES-5", "changed the config", [0, 2],
            file(), end("bad-name", ok=False), file(digest="new")),
    illegal("seen-though-nobody-looked-twice", bad_input_is_refused, "RES-5", "accepted", [0], end("bad-name"), file()),
    legal("no-new-folder", bad_input_is_refused, folders("a"), *REFUSED, folders("a")),
    illegal("new-folder", bad_input_is_refused, "RES-5", "left a folder behind: deep", [0, 4],
            folders("a"), *REFUSED, folders("a", "deep")),
    undecided("none-given", bad_input_is_refused, "no bad input", file(), end("good"), file()),
    undecided("one-look", bad_input_is_refused, "before and after", file(), end("bad-name", ok=False)),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), CASES)
def test_bad_input(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
