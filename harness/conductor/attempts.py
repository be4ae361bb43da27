"""What a stopped file call is about to do, and whether it has done it.

A call is seen before it runs. So what it would change is taken down from its arguments, and its result is worked out
later from what can be seen in the folder: the new name leads to the file, the length is the one that was asked for, the
bytes stand where they were to be written. That evidence is taken at any later moment at which the call may have ended;
a call that must have ended and has left no evidence has failed. A sync leaves none: it counts once it has ended, unless
the harness itself had made it fail.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal, Protocol

from harness.powerloss.log import (
    Bytes,
    Change,
    Edit,
    Entries,
    File,
    Folder,
    Length,
    Marks,
    Node,
    Shift,
    SymbolicLink,
    Sync,
)
from harness.powerloss.materialise import attributes

_RWF_DSYNC, _RWF_SYNC = 2, 4  # linux/fs.h
SyncedBy = Literal["", "fdatasync", "fsync"]  # as what a call syncs what it writes, before its caller gets an answer
Touched = frozenset[tuple[object, ...]]  # files by inode, names by folder and name: who shares one may disturb us


class Nothing(Enum):
    """Why an attempt gives no change."""

    YET = "it may still be running"
    AT_ALL = "it failed, or changed nothing"


class Attempt(Protocol):
    """One call that was let go."""

    @property
    def touches(self) -> Touched: ...

    def result(self, *, ended: bool) -> Change | Nothing:
        """What it has done. `ended` says that it must have returned. Raises OSError when that cannot be looked at."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A name in a recorded folder."""

    folder: int
    name: str
    path: Path

    @property
    def touched(self) -> tuple[object, ...]:
        return self.folder, self.name

    def leads_to(self, inode: int | None) -> Edit:
        return Edit(folder=self.folder, name=self.name, inode=inode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Appears:
    """open with O_CREAT, mkdir, symlink, link: a name that led nowhere leads somewhere."""

    at: Name
    is_known: Callable[[int], bool]  # whether an inode is part of the recording already: then this is a second name

    @property
    def touches(self) -> Touched:
        return frozenset({self.at.touched})

    def result(self, *, ended: bool) -> Change | Nothing:
        found = facts_of(self.at.path)
        node = None if found is None else fresh(self.at.path, found)
        if found is None or node is None:
            return Nothing.AT_ALL if ended else Nothing.YET
        edits = (self.at.leads_to(found.st_ino),)
        return Entries(edits=edits, made=None if self.is_known(found.st_ino) else node)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanishes:
    """unlink, rmdir, and a rename to outside: a name leads to this inode no more."""

    at: Name
    inode: int

    @property
    def touches(self) -> Touched:
        return frozenset({self.at.touched})

    def result(self, *, ended: bool) -> Change | Nothing:
        if inode_of(self.at.path) != self.inode:
            return Entries(edits=(self.at.leads_to(None),))
        return Nothing.AT_ALL if ended else Nothing.YET


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """rename: one name leads to what another led to, or to what came from outside, of which the recording knows by now.

    `swapped` is what stood there, if the two change places.
    """

    old: Name | None
    new: Name
    inode: int
    swapped: int | None = None

    @property
    def touches(self) -> Touched:
        return frozenset({name.touched for name in (self.old, self.new) if name})

    def result(self, *, ended: bool) -> Change | Nothing:
        if inode_of(self.new.path) == self.inode and not (self.old and inode_of(self.old.path) == self.inode):
            left = (self.old.leads_to(self.swapped),) if self.old else ()
            return Entries(edits=(self.new.leads_to(self.inode), *left))
        return Nothing.AT_ALL if ended else Nothing.YET


@dataclass(frozen=True, slots=True, kw_only=True)
class Resizes:
    """truncation, O_TRUNC, fallocate: the file gets a `size` that it has not had. `handle` is a descriptor of ours."""

    change: Length | Shift
    handle: int
    size: int

    @property
    def touches(self) -> Touched:
        return frozenset({(self.change.inode,)})

    def result(self, *, ended: bool) -> Change | Nothing:
        if os.fstat(self.handle).st_size == self.size:
            return self.change
        return Nothing.AT_ALL if ended else Nothing.YET


@dataclass(frozen=True, slots=True, kw_only=True)
class Writes:
    """write and its kin: as much of the data as stands in the file has been written; a write may stop short."""

    inode: int
    handle: int
    offset: int
    data: bytes
    synced: SyncedBy = ""

    @property
    def touches(self) -> Touched:
        return frozenset({(self.inode,)})

    def result(self, *, ended: bool) -> Change | Nothing:
        there = os.pread(self.handle, len(self.data), self.offset)
        if there == self.data:
            return Bytes(inode=self.inode, offset=self.offset, data=self.data)
        if not ended:
            return Nothing.YET
        length = _alike(there, self.data)
        return Bytes(inode=self.inode, offset=self.offset, data=self.data[:length]) if length else Nothing.AT_ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """copy_file_range and sendfile, whose data never pass through the caller: what differs afterwards was written."""

    inode: int
    handle: int
    before: bytes
    synced: SyncedBy = ""

    @property
    def touches(self) -> Touched:
        return frozenset({(self.inode,)})

    def result(self, *, ended: bool) -> Change | Nothing:
        if not ended:
            return Nothing.YET
        now = os.pread(self.handle, os.fstat(self.handle).st_size, 0)
        start = _alike(now, self.before)
        return Bytes(inode=self.inode, offset=start, data=now[start:]) if now[start:] else Nothing.AT_ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """chmod, utimensat, setxattr and kin: something is said of a file. `handle` is a descriptor of ours."""

    before: Marks
    handle: int

    @property
    def touches(self) -> Touched:
        return frozenset({("marks", self.before.inode)})

    def result(self, *, ended: bool) -> Change | Nothing:
        now = marks(self.before.inode, self.handle, dates=self.before.modified is not None)
        if now != self.before:
            return now
        return Nothing.AT_ALL if ended else Nothing.YET


@dataclass(frozen=True, slots=True, kw_only=True)
class Syncs:
    """fsync and fdatasync, of a file or of a folder; syncfs of everything, with no inode.

    `refused` says whether the harness has made it fail.
    """

    inode: int | None
    refused: Callable[[], bool]

    @property
    def touches(self) -> Touched:
        return frozenset() if self.inode is None else frozenset({(self.inode,)})

    def result(self, *, ended: bool) -> Change | Nothing:
        if self.refused():
            return Nothing.AT_ALL
        return Sync(inode=self.inode) if ended else Nothing.YET


def inode_of(path: Path) -> int | None:
    """Which inode a name leads to, links not followed; None for none."""
    facts = facts_of(path)
    return None if facts is None else facts.st_ino


def marks(inode: int, handle: int, *, dates: bool) -> Marks:
    """What is said now of the file that is open as this descriptor; its time only if asked for. Raises OSError."""
    facts = os.fstat(handle)
    said = attributes(Path(f"/proc/self/fd/{handle}"))
    modified = facts.st_mtime_ns if dates else None
    return Marks(inode=inode, mode=stat.S_IMODE(facts.st_mode), attributes=said, modified=modified)


def facts_of(path: Path) -> os.stat_result | None:
    """lstat(2) of a name; None when it leads to nothing."""
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def fresh(path: Path, facts: os.stat_result) -> Node | None:
    """What was made under a name, still empty; None for what holds no data of its own (a socket, a pipe)."""
    mode = stat.S_IMODE(facts.st_mode)
    if stat.S_ISREG(facts.st_mode):
        return File(mode=mode)
    if stat.S_ISDIR(facts.st_mode):
        return Folder(mode=mode)
    return SymbolicLink(target=str(path.readlink())) if stat.S_ISLNK(facts.st_mode) else None


def _alike(one: bytes, other: bytes) -> int:
    """How many bytes are the same from the beginning."""
    different = (index for index, (here, there) in enumerate(zip(one, other, strict=False)) if here != there)
    return next(different, min(len(one), len(other)))


def synced_by(flags: int, how: int = 0) -> SyncedBy:
    """As what a write syncs, by its file's flags and its own (open(2), pwritev2(2)): O_SYNC has the bit of O_DSYNC."""
    if flags & os.O_SYNC == os.O_SYNC or how & _RWF_SYNC:
        return "fsync"
    return "fdatasync" if flags & os.O_DSYNC or how & _RWF_DSYNC else ""
