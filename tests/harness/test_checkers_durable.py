"""CFG-10 and LCK-5: the smallest legal and illegal sequences of file operations and of fenced appends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from harness.checkers.durable import FileOperation, durable_replace
from harness.checkers.fencing import FencedStep, superseded_writer_is_fenced
from harness.checkers.judge import CannotDecide


def wrote(path: str, actor: str = "add") -> FileOperation:
    return FileOperation(actor=actor, kind="write", path=path)


def synced(path: str, actor: str = "add") -> FileOperation:
    return FileOperation(actor=actor, kind="sync", path=path)


def renamed(path: str, target: str, actor: str = "add") -> FileOperation:
    return FileOperation(actor=actor, kind="rename", path=path, target=target)


def folder_synced(path: str, actor: str = "add") -> FileOperation:
    return FileOperation(actor=actor, kind="sync-dir", path=path)


NO_FILE_SYNC = "add renamed h/tmp to h/config without a sync of h/tmp after add had written it"
NO_FOLDER_SYNC = "add renamed h/tmp to h/config without a sync of h afterwards"
REPLACE = [wrote("h/tmp"), synced("h/tmp"), renamed("h/tmp", "h/config")]

DURABLE: dict[str, tuple[list[FileOperation], list[str]]] = {
    "all-synced": ([*REPLACE, folder_synced("h")], []),
    "backup-of-what-was-not-written": (
        [renamed("h/config", "h/bak"), *REPLACE, folder_synced("h")],
        [],
    ),
    "chain-of-renames": ([*REPLACE, renamed("h/config", "h/second"), folder_synced("h")], []),
    "another-path-was-written": ([*REPLACE[:2], wrote("h/log"), REPLACE[2], folder_synced("h")], []),
    "written-again-after-the-rename": ([*REPLACE, wrote("h/tmp"), folder_synced("h")], []),
    "new-file-under-an-old-temporary-name": (
        [wrote("h/tmp"), *REPLACE[1:], wrote("h/tmp"), synced("h/tmp"), REPLACE[2], folder_synced("h")],
        [],
    ),
    "no-sync": ([REPLACE[0], REPLACE[2], folder_synced("h")], [NO_FILE_SYNC]),
    "synced-before-the-last-write": ([*REPLACE[:2], REPLACE[0], REPLACE[2], folder_synced("h")], [NO_FILE_SYNC]),
    "synced-after-the-rename": ([REPLACE[0], REPLACE[2], synced("h/config"), folder_synced("h")], [NO_FILE_SYNC]),
    "written-under-the-name-before": (
        [wrote("h/new"), renamed("h/new", "h/tmp"), renamed("h/tmp", "h/config"), folder_synced("h")],
        [
            "add renamed h/new to h/tmp without a sync of h/new after add had written it",
            "add renamed h/tmp to h/config without a sync of h/tmp after add had written it",
        ],
    ),
    "no-folder-sync": (REPLACE, [NO_FOLDER_SYNC]),
    "folder-synced-before": ([*REPLACE[:2], folder_synced("h"), REPLACE[2]], [NO_FOLDER_SYNC]),
    "another-folder-synced": ([*REPLACE, folder_synced("h/sub")], [NO_FOLDER_SYNC]),
    "folder-synced-by-another": ([*REPLACE, folder_synced("h", "add-lane1")], [NO_FOLDER_SYNC]),
    "nothing-synced": ([REPLACE[0], REPLACE[2]], [NO_FILE_SYNC, NO_FOLDER_SYNC]),
    "in-the-working-folder": (
        [wrote("tmp"), synced("tmp"), renamed("tmp", "config")],
        ["add renamed tmp to config without a sync of . afterwards"],
    ),
    "at-the-root": (
        [wrote("/tmp"), synced("/tmp"), renamed("/tmp", "/config")],
        ["add renamed /tmp to /config without a sync of / afterwards"],
    ),
}


@pytest.mark.parametrize("name", DURABLE)
def test_durable_replace(name: str) -> None:
    operations, expected = DURABLE[name]
    findings = durable_replace(operations)
    assert [finding.message.partition(":")[0] for finding in findings] == expected
    assert {finding.rule for finding in findings} <= {"CFG-10"}


def test_the_events_of_an_unsynced_rename_are_its_evidence() -> None:
    numbered = [
        FileOperation(actor="add", kind="write", path="h/tmp", seq=3),
        FileOperation(actor="add", kind="rename", path="h/tmp", target="h/config", seq=5),
    ]
    assert [finding.evidence for finding in durable_replace(numbered)] == [(3, 5), (5,)]


def test_without_a_rename_nothing_is_decided() -> None:
    with pytest.raises(CannotDecide, match="no file was renamed"):
        durable_replace([wrote("h/config"), synced("h/config")])


def granted(actor: str, number: int, lock: str = "main") -> FencedStep:
    return FencedStep(actor=actor, kind="granted", lock=lock, number=number, seq=10 * number)


def appended(actor: str, number: int, lock: str = "main") -> FencedStep:
    return FencedStep(actor=actor, kind="appended", lock=lock, number=number, seq=10 * number + 5)


FENCED: dict[str, tuple[list[FencedStep], list[tuple[str, tuple[int, ...]]]]] = {
    "each-in-its-turn": ([granted("a", 1), appended("a", 1), granted("b", 2), appended("b", 2)], []),
    "the-old-one-wrote-before": ([granted("a", 1), granted("c", 1, "other"), appended("a", 1), granted("b", 2)], []),
    "locks-have-numbers-of-their-own": (
        [granted("a", 1), granted("b", 2), granted("c", 1, "other"), appended("c", 1, "other")],
        [],
    ),
    "superseded": (
        [granted("a", 1), granted("b", 2), appended("a", 1)],
        [("a appended under main with number 1, after b had been granted number 2", (20, 15))],
    ),
    "a-grant-that-went-back": (
        [granted("a", 2), granted("b", 1), appended("b", 1)],
        [("b appended under main with number 1, after a had been granted number 2", (20, 15))],
    ),
}


@pytest.mark.parametrize("name", FENCED)
def test_superseded_writer_is_fenced(name: str) -> None:
    steps, expected = FENCED[name]
    findings = superseded_writer_is_fenced(steps)
    assert [(finding.message, finding.evidence) for finding in findings] == expected
    assert {finding.rule for finding in findings} <= {"LCK-5"}


@pytest.mark.parametrize("steps", [[], [appended("a", 1)], [granted("a", 1), appended("a", 1)]])
def test_without_a_lock_that_passed_on_nothing_is_decided(steps: Sequence[Any]) -> None:
    with pytest.raises(CannotDecide, match="no lock passed on"):
        superseded_writer_is_fenced(steps)
