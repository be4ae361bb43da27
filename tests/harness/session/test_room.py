"""Where runs have their folders: in memory only where nothing speaks against it."""

import os
from types import SimpleNamespace

import pytest

from harness.session import room
from harness.targets.reference import ReferenceTarget

WITH_ROOM = SimpleNamespace(f_bavail=1 << 30, f_frsize=4096, f_flag=0)


@pytest.fixture(autouse=True)
def a_folder_in_memory(tmp_path, monkeypatch):
    """One that there is room in, and nobody who has chosen another."""
    monkeypatch.setattr(room, "MEMORY", tmp_path)
    monkeypatch.setattr(room, "ENOUGH_BYTES", 1)
    monkeypatch.setattr(os.path, "ismount", lambda path: path == tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda path: WITH_ROOM)
    monkeypatch.setattr(room.tempfile, "gettempdir", lambda: "/chosen")
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def chosen(target=None):
    return str(room.for_runs(target or ReferenceTarget()))


def test_of_a_target_that_may_be_in_memory(a_folder_in_memory):
    assert chosen() == str(a_folder_in_memory)


def test_of_any_other_target():
    assert chosen(SimpleNamespace()) == "/chosen"


@pytest.mark.parametrize("name", ["TMPDIR", "TEMP", "TMP"])
def test_who_names_a_folder_has_chosen(monkeypatch, name):
    monkeypatch.setenv(name, "/elsewhere")
    assert chosen() == "/chosen"


@pytest.mark.parametrize(
    "seen",
    [
        SimpleNamespace(f_bavail=0, f_frsize=4096, f_flag=0),
        SimpleNamespace(f_bavail=1 << 30, f_frsize=4096, f_flag=os.ST_NOEXEC),
    ],
    ids=["full", "noexec"],
)
def test_a_folder_in_memory_that_is_of_no_use(monkeypatch, seen):
    monkeypatch.setattr(os, "statvfs", lambda path: seen)
    assert chosen() == "/chosen"


def test_one_that_is_no_filesystem_of_its_own(monkeypatch):
    monkeypatch.setattr(os.path, "ismount", lambda path: False)
    assert chosen() == "/chosen"


def test_one_that_cannot_be_written(monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert chosen() == "/chosen"


def test_no_such_folder(monkeypatch, tmp_path):
    def missing(path):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(os, "statvfs", missing)
    assert chosen() == "/chosen"


def test_a_machine_without_memory_to_spare(monkeypatch):
    monkeypatch.setattr(room.psutil, "virtual_memory", lambda: SimpleNamespace(available=0))
    assert chosen() == "/chosen"
