"""Calls that hardly ever fail, failing once: the error names its file, or what was done stays done."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from reference import durable
from reference.auth.pending import Pending
from reference.commands import gateway, runs
from reference.config import ConfigStore
from reference.deadline import Deadline
from reference.home import Home
from reference.locks import Lock
from reference.messages import Message
from reference.parts import Parts
from reference.transcript import Transcript


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the n-th call of a function fail with EIO, as a system call does that was given a descriptor."""

    def fail(module: Any, name: str, number: int = 1) -> None:
        left, real = [number], getattr(module, name)

        def call(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise OSError(errno.EIO, "Input/output error")
            return real(*arguments, **named)

        monkeypatch.setattr(module, name, call)

    return fail


@pytest.mark.parametrize(("number", "named", "content"), [(1, "f", b"old"), (2, "", b"new")])
def test_an_fsync_names_the_file_or_its_folder(
    failing: Any, tmp_path: Path, number: int, named: str, content: bytes
) -> None:
    (tmp_path / "f").write_bytes(b"old")
    failing(os, "fsync", number)
    with pytest.raises(OSError, match="Input/output") as raised:
        durable.replace(str(tmp_path / "f"), b"new")
    assert Path(str(raised.value.filename)) == tmp_path / named
    assert (tmp_path / "f").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_lock_that_cannot_be_had_names_its_file(failing: Any, tmp_path: Path) -> None:
    failing(fcntl, "flock")
    lock = Lock(str(tmp_path / "lock"))
    with pytest.raises(OSError, match="Input/output") as raised:
        lock.acquire(Deadline.after(1))
    assert raised.value.filename == str(tmp_path / "lock")
    assert lock.try_acquire()


def test_a_record_that_cannot_be_emptied_does_not_undo_the_work(failing: Any, tmp_path: Path) -> None:
    lock = Lock(str(tmp_path / "lock")).acquire(Deadline.after(1))
    failing(os, "ftruncate")
    lock.release()
    assert Lock(str(tmp_path / "lock")).try_acquire()


@pytest.mark.parametrize("name", ["fsync", "write"])
def test_a_transcript_names_its_file_and_keeps_no_part(failing: Any, tmp_path: Path, name: str) -> None:
    path = tmp_path / "s" / "main.jsonl"
    Transcript(str(path), "r-1").begin(Message(role="user", text="one"), Deadline.after(5))
    before = path.read_bytes()
    failing(os, name)
    with pytest.raises(OSError, match="Input/output") as raised:
        Transcript(str(path), "r-2").begin(Message(role="user", text="two"), Deadline.after(5))
    assert raised.value.filename == str(path)
    assert path.read_bytes() == before


def test_a_note_that_cannot_be_removed_does_not_undo_a_refresh(failing: Any, tmp_path: Path) -> None:
    note = Pending(str(tmp_path / "note"), "token")
    note.sending()
    failing(os, "unlink")
    note.clear()
    assert Pending(str(tmp_path / "note"), "successor").sends == 0


@pytest.mark.parametrize(("name", "number"), [("link", 1), ("rename", 1), ("rename", 2)])
def test_a_change_of_the_config_that_fails_leaves_no_temporary(
    failing: Any, tmp_path: Path, name: str, number: int
) -> None:
    store = ConfigStore(Home(str(tmp_path)).make())
    store.change(lambda config: config.update(a=1), Deadline.after(5))
    failing(os, name, number)
    with pytest.raises(OSError, match="Input/output"):
        store.change(lambda config: config.update(a=2), Deadline.after(5))
    assert store.read() == {"a": 1}
    assert list(tmp_path.glob(".*.tmp")) == []


@pytest.mark.parametrize("command", [runs.list_all, runs.show, runs.wait])
def test_a_table_that_cannot_be_looked_for_is_not_absent(failing: Any, tmp_path: Path, command: Any) -> None:
    """In a folder that may not be searched nothing seems to be."""
    failing(os, "lstat")
    with pytest.raises(OSError, match="Input/output"):
        command(Parts.default(), Home(str(tmp_path)), {"all": True, "json": True, "id": "r-1", "timeout": None})


def test_a_gateway_whose_lock_cannot_be_looked_at_is_not_absent(failing: Any, tmp_path: Path) -> None:
    home = Home(str(tmp_path)).make()
    Path(home.lock("gateway")).touch()
    failing(fcntl, "flock")
    with pytest.raises(OSError, match="Input/output"):
        gateway.stop(Parts.default(), home, {})
