"""What a filesystem promises across a power cut: two models, from a promise that all keep to what one common one does.

A model answers three questions about a log: what a sync has made safe, which change cannot be on the disk without which
other one, and into which parts a write can be torn. What it does not promise, `states` may take away.

`posix` promises what fsync(2) and rename(2) say and nothing else, as Pillai et al. found that filesystems differ in all
the rest ("All File Systems Are Not Created Equal", OSDI 2014, section 2 and table 1):

- fsync of a file makes its bytes and its length safe, and what is said of it (permissions, attributes, times), not its
  name; fsync of a folder makes its names safe, not what lies behind them. fdatasync passes over what is said of a file.
- A rename is on the disk whole or not at all. A sync of the folder that it leads to makes it safe; that of the one that
  it leads away from promises nothing of the other.
- Changes to one name, and changes of the names of one file, reach the disk in order. All else comes in any order: a
  rename before the bytes of the renamed file, the second write before the first, a length before the bytes.
- A write is torn at a page boundary; one that lengthens a file also in its middle, or leaves zeroes, all or behind its
  first page: so a record has its header and its length, and not what it holds.

`ordered` is ext4 as it is usually mounted (data=ordered, auto_da_alloc; ext4(5) and the kernel's ext4 admin guide):

- One journal for all names and truncations, and for what is said of files: they reach the disk in order. A sync of a
  file writes the journal up to the file's own last change, and all before it is safe; what came between that and the
  sync may have missed it. fdatasync and its like count only changes of the file's length, and its creation
  (ext4_fsync_journal in fs/ext4/fsync.c: i_sync_tid, i_datasync_tid). Of a folder they count as fsync.
- A file grows in order, and never shows bytes that were not written to it.
- A rename that replaces a file takes the bytes of the new one along. One onto a free name does not.
- Bytes of a file that is not synced may still be missing, and a write torn at a page boundary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from harness.powerloss.disk import Disk
from harness.powerloss.log import Bytes, Change, Entries, File, FileOperation, Length, Log, Marks, Shift, Sync

PAGE = 4096


class Part(Enum):
    """What of a change is on the disk, when not all of it is."""

    NOTHING = "nothing"
    BEGINNING = "the beginning"
    END = "the end"
    ZEROES = "zeroes"  # the length without the bytes
    PADDED = "the beginning, and zeroes"  # the length, and the bytes of the first pages alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Torn:
    """A change of which only a part is on the disk; `size` says where a write was torn."""

    part: Part
    size: int = 0


LOST = Torn(part=Part.NOTHING)


class Model(Protocol):
    """One filesystem's promises. Operations are named by their place in the log."""

    @property
    def name(self) -> str: ...

    def made_safe(self, sync: int) -> Iterator[int]:
        """The earlier changes that this sync makes safe."""
        ...

    def needs(self, operation: int) -> Iterator[int]:
        """The earlier changes without which this one cannot be on the disk."""
        ...

    def tears(self, write: int) -> Iterator[Torn]:
        """The parts of a write that may be all there is of it, the smallest loss first."""
        ...


class Posix:
    """What every filesystem promises."""

    name = "posix"

    def __init__(self, log: Log) -> None:
        self._facts = _Facts(log)

    def made_safe(self, sync: int) -> Iterator[int]:
        inode = self._facts.synced(sync)
        for index in range(sync):
            mine = inode in self._facts.files(index) or inode in self._facts.folders(index)
            if inode is None or (mine and not self._facts.passes_over(sync, index)):
                yield index

    def needs(self, operation: int) -> Iterator[int]:
        """Earlier changes of the same name, or of the names of the same file; and of what is said of one file."""
        if self._facts.is_entries(operation):
            mine = self._facts.slots(operation)
            yield from (index for index in range(operation) if mine & self._facts.slots(index))
        elif self._facts.says(operation):
            whose = self._facts.files(operation)
            yield from (i for i in range(operation) if self._facts.says(i) and whose == self._facts.files(i))

    def tears(self, write: int) -> Iterator[Torn]:
        change, boundaries = self._facts.write(write), self._facts.boundaries(write)
        lengthens = self._facts.lengthens(write)
        middle = [len(change.data) // 2] if lengthens and not boundaries and len(change.data) > 1 else []
        yield from (Torn(part=Part.BEGINNING, size=size) for size in reversed(boundaries or middle))
        yield from (Torn(part=Part.END, size=size) for size in boundaries[:1])
        if lengthens:
            yield from (Torn(part=Part.PADDED, size=size) for size in boundaries[:1])
            yield Torn(part=Part.ZEROES)


class Ordered:
    """What ext4 promises with data=ordered and auto_da_alloc."""

    name = "ordered"

    def __init__(self, log: Log) -> None:
        self._facts = _Facts(log)

    def made_safe(self, sync: int) -> Iterator[int]:
        inode = self._facts.synced(sync)
        for index in range(sync):
            written = self._facts.in_journal(index) and index <= self._facts.committed(sync)
            mine = inode in self._facts.files(index) and not self._facts.says(index)
            if inode is None or written or mine:
                yield index

    def needs(self, operation: int) -> Iterator[int]:
        if self._facts.in_journal(operation):
            yield from (index for index in range(operation) if self._facts.in_journal(index))
            if (inode := self._facts.replaces_with(operation)) is not None:
                yield from (index for index in range(operation) if inode in self._facts.files(index))
        elif self._facts.is_write(operation):
            inode = self._facts.write(operation).inode
            for index in range(operation):
                cut = isinstance(self._facts.change(index), Length | Shift)
                if inode in self._facts.files(index) and (cut or self._facts.grows_by_both(index, operation)):
                    yield index

    def tears(self, write: int) -> Iterator[Torn]:
        yield from (Torn(part=Part.BEGINNING, size=size) for size in reversed(self._facts.boundaries(write)))
        if not self._facts.lengthens(write):
            yield from (Torn(part=Part.END, size=size) for size in self._facts.boundaries(write)[:1])


class _Facts:
    """What both models ask of a log, worked out once by replaying it."""

    def __init__(self, log: Log) -> None:
        self._operations: Sequence[FileOperation] = log.operations
        self._lengthens: list[bool] = []
        self._replaces: list[int | None] = []
        self._committed: list[int] = []
        journal = _Journal()
        disk = Disk(log.start)
        for index, operation in enumerate(log.operations):
            self._lengthens.append(_lengthens(disk, operation))
            self._replaces.append(_replaces_with(disk, operation))
            self._committed.append(journal.committed(operation))
            journal.see(index, operation.change, lengthens=self._lengthens[-1])
            disk.apply(operation.change)

    def change(self, index: int) -> Change:
        return self._operations[index].change

    def synced(self, index: int) -> int | None:
        change = self.change(index)
        assert isinstance(change, Sync)
        return change.inode

    def committed(self, sync: int) -> int:
        """The last operation that is sure to be in the journal by a sync; -1 for none."""
        return self._committed[sync]

    def write(self, index: int) -> Bytes:
        change = self.change(index)
        assert isinstance(change, Bytes)
        return change

    def is_write(self, index: int) -> bool:
        return isinstance(self.change(index), Bytes)

    def is_entries(self, index: int) -> bool:
        return isinstance(self.change(index), Entries)

    def says(self, index: int) -> bool:
        """Whether it changes what is said of a file, and nothing that stands in it."""
        return isinstance(self.change(index), Marks)

    def passes_over(self, sync: int, index: int) -> bool:
        """Whether a sync does not care: one of data alone makes nothing safe that reading them does not need."""
        return self.says(index) and self._operations[sync].call != "fsync"

    def in_journal(self, index: int) -> bool:
        """Names, truncations, and what is said of files: what ext4 calls metadata."""
        return isinstance(self.change(index), Entries | Length | Shift | Marks)

    def files(self, index: int) -> frozenset[int]:
        """Whose bytes or length it changes, or of which it says something."""
        change = self.change(index)
        return frozenset({change.inode}) if isinstance(change, Bytes | Length | Shift | Marks) else frozenset()

    def folders(self, index: int) -> frozenset[int]:
        """By whose sync it becomes safe: the folders in which it gives a name, or, if it gives none, takes one."""
        change = self.change(index)
        if not isinstance(change, Entries):
            return frozenset()
        given = frozenset(edit.folder for edit in change.edits if edit.inode is not None)
        return given or frozenset(edit.folder for edit in change.edits)

    def slots(self, index: int) -> frozenset[tuple[object, ...]]:
        """The names that it changes, and the files whose names they are."""
        change = self.change(index)
        if not isinstance(change, Entries):
            return frozenset()
        names = {(edit.folder, edit.name) for edit in change.edits}
        return frozenset(names | {(edit.inode,) for edit in change.edits if edit.inode is not None})

    def lengthens(self, index: int) -> bool:
        return self._lengthens[index]

    def grows_by_both(self, first: int, second: int) -> bool:
        return self._lengthens[first] and self._lengthens[second]

    def replaces_with(self, index: int) -> int | None:
        """The file that a rename put in the place of another one."""
        return self._replaces[index]

    def boundaries(self, index: int) -> list[int]:
        """Where a write crosses into another page, in bytes from its beginning: the first such place and the last."""
        write = self.write(index)
        crossings = range(PAGE - write.offset % PAGE, len(write.data), PAGE)
        return sorted({crossings[0], crossings[-1]}) if crossings else []


class _Journal:
    """Up to which operation ext4 writes its journal for a file: it remembers the file's last change in it alone."""

    def __init__(self) -> None:
        self._by_fsync: dict[int, int] = {}  # by inode: its last change, of whatever kind
        self._by_fdatasync: dict[int, int] = {}  # its last change without which its data could not be found

    def committed(self, operation: FileOperation) -> int:
        """What a sync writes; -1 for nothing, and for what is no sync."""
        inode = operation.change.inode if isinstance(operation.change, Sync) else None
        known = self._by_fsync if operation.call == "fsync" else self._by_fdatasync
        return -1 if inode is None else known.get(inode, -1)

    def see(self, index: int, change: Change, *, lengthens: bool) -> None:
        if isinstance(change, Entries):
            folders = {edit.folder for edit in change.edits}
            files = {edit.inode for edit in change.edits if edit.inode is not None}
            self._by_fsync.update(dict.fromkeys(folders | files, index))
            self._by_fdatasync.update(dict.fromkeys(folders if change.made is None else folders | files, index))
        elif not isinstance(change, Sync):
            self._by_fsync[change.inode] = index  # its time of change, at least
            if lengthens or isinstance(change, Length | Shift):
                self._by_fdatasync[change.inode] = index


def _lengthens(disk: Disk, operation: FileOperation) -> bool:
    change = operation.change
    return isinstance(change, Bytes) and change.offset + len(change.data) > len(disk.data(change.inode) or b"")


def _replaces_with(disk: Disk, operation: FileOperation) -> int | None:
    """Only what moves a file onto the name of another: no link, no folder, which has no bytes, and no exchange.

    ext4 has the code for a replacement alone (ext4_rename in fs/ext4/namei.c, and not ext4_cross_rename).
    """
    change = operation.change
    if isinstance(change, Entries) and len(change.edits) == 2 and change.edits[1].inode is None:
        target = change.edits[0]
        replaced = disk.find(target.folder, target.name)
        if replaced is not None and isinstance(disk.nodes.get(replaced), File):
            return target.inode
    return None
