"""Small programs as logs, written out by hand: the folder at the start, then one call a line.

The root is inode 1. Files of the start are named in order, from 10; what a program makes is numbered by the test.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.powerloss.disk import Tree
from harness.powerloss.log import (
    Bytes,
    Change,
    Edit,
    Entries,
    File,
    FileOperation,
    Folder,
    Length,
    Log,
    Marks,
    Node,
    Snapshot,
    Sync,
)
from harness.powerloss.models import Model
from harness.powerloss.states import after, candidates

ROOT = 1


def folder(**files: bytes) -> Snapshot:
    """A folder that holds these files."""
    entries = {name: 10 + number for number, name in enumerate(files)}
    nodes: dict[int, Node] = {10 + number: File(data=data) for number, data in enumerate(files.values())}
    return Snapshot(root=ROOT, nodes={ROOT: Folder(entries=entries), **nodes})


def program(start: Snapshot, *operations: FileOperation, unknown: tuple[str, ...] = ()) -> Log:
    return Log(start=start, operations=operations, unknown=unknown)


def create(name: str, inode: int, *, inside: int = ROOT) -> FileOperation:
    return _call("open", name, Entries(edits=(Edit(folder=inside, name=name, inode=inode),), made=File()))


def mkdir(name: str, inode: int, *, inside: int = ROOT) -> FileOperation:
    return _call("mkdir", name, Entries(edits=(Edit(folder=inside, name=name, inode=inode),), made=Folder()))


def write(inode: int, data: bytes, at: int = 0) -> FileOperation:
    return _call("write", "", Bytes(inode=inode, offset=at, data=data))


def truncate(inode: int, size: int = 0) -> FileOperation:
    return _call("ftruncate", "", Length(inode=inode, size=size))


def chmod(inode: int, mode: int) -> FileOperation:
    return _call("fchmod", "", Marks(inode=inode, mode=mode, attributes={}))


def rename(old: str, new: str, inode: int, *, inside: int = ROOT, into: int = ROOT) -> FileOperation:
    edits = (Edit(folder=into, name=new, inode=inode), Edit(folder=inside, name=old, inode=None))
    return _call("rename", new, Entries(edits=edits))


def exchange(one: str, first: int, other: str, second: int) -> FileOperation:
    edits = (Edit(folder=ROOT, name=other, inode=first), Edit(folder=ROOT, name=one, inode=second))
    return _call("renameat2", other, Entries(edits=edits))


def link(new: str, inode: int, *, inside: int = ROOT) -> FileOperation:
    return _call("link", new, Entries(edits=(Edit(folder=inside, name=new, inode=inode),)))


def unlink(name: str, *, inside: int = ROOT) -> FileOperation:
    return _call("unlink", name, Entries(edits=(Edit(folder=inside, name=name, inode=None),)))


def fsync(inode: int = ROOT) -> FileOperation:
    return _call("fsync", "", Sync(inode=inode))


def fdatasync(inode: int = ROOT) -> FileOperation:
    return _call("fdatasync", "", Sync(inode=inode))


def left_by(log: Log, model: Callable[[Log], Model], moment: int | None = None) -> list[dict[str, bytes]]:
    """What may be found after so many operations (all of them unless told otherwise), each content once, in no order.

    A folder is shown as nothing: the files in it have its name in theirs.
    """
    at = len(log.operations) if moment is None else moment
    found = [contents(after(log, at, losses)) for losses in candidates(log, model(log), at)]
    return sorted({tuple(sorted(one.items())): one for one in found}.values(), key=lambda one: sorted(one.items()))


def contents(tree: Tree) -> dict[str, bytes]:
    return {path: placed.node.data for path, placed in tree.items() if isinstance(placed.node, File)}


def modes_left_by(log: Log, model: Callable[[Log], Model], name: str) -> set[int]:
    """The permissions that a file may be found with after the last operation."""
    at = len(log.operations)
    trees = (after(log, at, losses) for losses in candidates(log, model(log), at))
    return {placed.node.mode for tree in trees if (placed := tree.get(name)) and isinstance(placed.node, File)}


def _call(name: str, path: str, change: Change) -> FileOperation:
    return FileOperation(actor="add", call=name, path=path, change=change)
