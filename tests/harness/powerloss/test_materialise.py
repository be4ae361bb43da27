"""States written to a disk, and folders read from it: what is read back is what was written."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from harness.powerloss.disk import Disk, Tree, shape
from harness.powerloss.log import Bytes, Edit, Entries, File, Folder, Length, Log, Marks, Snapshot, SymbolicLink
from harness.powerloss.losses import losses
from harness.powerloss.materialise import materialise, snapshot
from harness.powerloss.states import states
from tests.harness.powerloss.crashes import create, folder, fsync, program, rename, write


def a_folder(at: Path) -> Path:
    """Everything in it has its time, none of which is now."""
    (at / "d" / "e").mkdir(parents=True)
    (at / "d" / "secret").write_bytes(b"\0\xff")
    (at / "d" / "secret").chmod(0o400)
    (at / "second-name").hardlink_to(at / "d" / "secret")
    (at / "link").symlink_to("nowhere/x")
    (at / b"\xff".decode(errors="surrogateescape")).touch()
    (at / "d" / "e").chmod(0o500)
    for number, path in enumerate([at / "d" / "secret", at / "d" / "e", at / "d"]):
        os.setxattr(path, "user.number", str(number).encode())
        os.utime(path, ns=(number, 1_000_000_000 + number))
    return at


def test_a_folder_comes_back_as_it_was(tmp_path: Path) -> None:
    start, skipped = snapshot(a_folder(tmp_path / "one"), most=1000)
    assert skipped == ()
    materialise(Disk(start).tree(), tmp_path / "two")
    again, _ = snapshot(tmp_path / "two", most=1000)
    assert shape(Disk(again).tree()) == shape(Disk(start).tree())
    assert (tmp_path / "two" / "second-name").stat().st_ino == (tmp_path / "two" / "d" / "secret").stat().st_ino
    assert stat.S_IMODE((tmp_path / "two" / "d" / "secret").stat().st_mode) == 0o400
    assert stat.S_IMODE((tmp_path / "two" / "d" / "e").stat().st_mode) == 0o500
    for number, path in enumerate([tmp_path / "two" / "d" / name for name in ("secret", "e", "")]):
        assert os.getxattr(path, "user.number") == str(number).encode()
        assert path.stat().st_mtime_ns == 1_000_000_000 + number


def test_what_is_too_large_is_said(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(11))
    (tmp_path / "small").write_bytes(bytes(9))
    start, skipped = snapshot(tmp_path, most=10)
    assert skipped == ("large is too large to be copied",)
    assert list(Disk(start).tree()) == ["small"]


def test_sockets_and_pipes_are_no_part_of_a_state(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    facts = tmp_path.stat()
    alone = Folder(mode=0o700, modified=facts.st_mtime_ns)
    assert snapshot(tmp_path, most=10) == (Snapshot(root=facts.st_ino, nodes={facts.st_ino: alone}), ())


def test_a_folder_that_is_there_is_not_touched(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        materialise({}, tmp_path)


def test_what_is_younger_stays_younger() -> None:
    """A program may go by the times of its files: they are those of the changes that are there, in their order."""
    start = Snapshot(root=1, nodes={1: Folder(entries={"a": 10}), 10: File(modified=5)})
    disk = Disk(start)
    disk.apply(Entries(edits=(Edit(folder=1, name="b", inode=20),), made=File()), 6)
    disk.apply(Bytes(inode=10, offset=0, data=b"x"), 7)
    disk.apply(Marks(inode=20, mode=0o600, attributes={}, modified=3), 8)
    assert [(node.modified, node.dated) for node in disk.nodes.values()] == [(6, False), (7, False), (3, True)]


def test_a_time_that_was_set_is_a_difference_and_another_is_none() -> None:
    def tree(**more: Any) -> Tree:
        return Disk(Snapshot(root=1, nodes={1: Folder(entries={"a": 10}), 10: File(**more)})).tree()

    assert shape(tree(modified=1)) == shape(tree(modified=2))
    assert shape(tree(modified=1, dated=True)) != shape(tree(modified=2, dated=True))
    assert shape(tree(modified=1, dated=True), dated=False) == shape(tree(modified=2), dated=False)
    assert shape(tree(mode=0o644)) != shape(tree(mode=0o600))
    assert shape(tree(attributes={"user.a": b"1"})) != shape(tree(attributes={"user.a": b"2"}))


def test_changes_do_what_the_calls_do() -> None:
    disk = Disk(folder(a=b"abc"))
    for change in (
        Bytes(inode=10, offset=1, data=b"X"),
        Bytes(inode=10, offset=5, data=b"Y"),
        Length(inode=10, size=4),
        Length(inode=10, size=6),
        Entries(edits=(Edit(folder=1, name="s", inode=30),), made=SymbolicLink(target="a")),
        Bytes(inode=99, offset=0, data=b"of no file that is known"),
    ):
        disk.apply(change)
    tree = disk.tree()
    assert list(tree) == ["a", "s"]
    assert tree["a"].node == File(data=b"aXc\0\0\0")
    assert disk.path(30) == "s"


def test_shapes_differ_where_a_reader_could_tell() -> None:
    different = [folder(a=b""), folder(a=b"x"), folder(b=b"x"), folder(a=b"x", b=b""), folder()]
    link = Snapshot(root=1, nodes={1: Folder(entries={"a": 2}), 2: SymbolicLink(target="x")})
    empty = Snapshot(root=1, nodes={1: Folder(entries={"a": 2}), 2: Folder()})
    assert len({shape(Disk(one).tree()) for one in (*different, link, empty)}) == 7


def test_a_loop_of_folders_has_an_end() -> None:
    assert len(Disk(Snapshot(root=1, nodes={1: Folder(entries={"a": 1})})).tree()) < 100


def words(log: Log) -> set[tuple[tuple[str, str, str, str, bool], ...]]:
    return {
        tuple((loss.path, loss.call, loss.what, loss.torn.part.value, loss.moved) for loss in losses(log, state))
        for state in states(log).all
        if state.moment == len(log.operations)
    }


def test_losses_are_told_by_the_names_that_are_left() -> None:
    log = program(folder(config=b"old"), create("tmp", 20), write(20, b"n"), rename("tmp", "config", 20), fsync())
    assert words(log) == {
        (),
        (("config", "write", "bytes", "nothing", True),),
        (("config", "write", "bytes", "zeroes", True),),
    }


def test_a_loss_in_place_has_not_moved() -> None:
    log = program(folder(config=b"old"), write(10, b"new"))
    assert words(log) == {(), (("config", "write", "bytes", "nothing", False),)}


def test_a_lost_name_is_told_by_its_call() -> None:
    log = program(folder(config=b"old"), create("tmp", 20), fsync(20), fsync(), rename("tmp", "config", 20))
    assert words(log) == {(), (("config", "rename", "name", "nothing", False),)}
