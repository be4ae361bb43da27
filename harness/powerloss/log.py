"""What the file operations of a run did, in order, and what stood in the folder before them.

Pure data: a recorder writes it, `states` reads it, and tests write it by hand. Files and folders are known by a number
(their inode), because a name can pass from one to another and a write follows the file, not the name. Everything that
an operation can do to a folder is one of six changes: bytes, a length, a shift, names, what is said of a file, a sync.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What is said of a file or a folder and does not stand in it.

    `mode` has the permission bits, `attributes` are the extended ones in the namespace of users (xattr(7)), `modified`
    is in nanoseconds since 1970, 0 for now. It is `dated` if the program itself has set that time.
    """

    mode: int
    attributes: Mapping[str, bytes] = field(default_factory=dict)
    modified: int = 0
    dated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class File(Marked):
    """A regular file."""

    data: bytes = b""
    mode: int = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder(Marked):
    """A directory: names to inodes."""

    entries: Mapping[str, int] = field(default_factory=dict)
    mode: int = 0o700


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolicLink:
    """A symbolic link, which is made whole and never written."""

    target: str


Node = File | Folder | SymbolicLink


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A folder at the start. All of it counts as synced: the machine had been quiet for long enough."""

    root: int
    nodes: Mapping[int, Node]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """Data was written into a file. A write beyond its end lengthens it."""

    inode: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """A file was cut or lengthened with zeroes, by truncation."""

    inode: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """What stands in a file from `offset` on was moved: so many zeroes were put in there, or bytes, if less, taken out.

    fallocate(2) does that, with FALLOC_FL_INSERT_RANGE and FALLOC_FL_COLLAPSE_RANGE.
    """

    inode: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Permissions, extended attributes or times were set: what is said of the file from then on.

    `modified` is the time that was set, None where none was.
    """

    inode: int
    mode: int
    attributes: Mapping[str, bytes]
    modified: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One name in one folder now leads to this inode, or to nothing."""

    folder: int
    name: str
    inode: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Names changed, all at once: one edit for a new file, a link or an unlink, two for a rename.

    `made` is what the operation created under that inode, if it created something: always empty, but for a link.
    """

    edits: tuple[Edit, ...]
    made: Node | None = None


def nameless(inode: int, *, mode: int) -> Entries:
    """What makes a file that no name leads to yet: its entry is in a folder that is in no other, as no inode is 0."""
    return Entries(edits=(Edit(folder=0, name=str(inode), inode=inode),), made=File(mode=mode))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """fsync or fdatasync of a file or a folder returned without an error; or syncfs, of everything: no inode."""

    inode: int | None


Change = Bytes | Length | Shift | Marks | Entries | Sync


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOperation:
    """One system call that did something. `path` says where, below the recorded folder, for people.

    `at` is when it had been done, in nanoseconds since 1970; 0 where nobody cares.
    """

    actor: str
    call: str
    path: str
    change: Change
    at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A recording. `unknown` says, in words, what may have changed without our knowing how; nothing follows from
    such a log, neither green nor red."""

    start: Snapshot
    operations: tuple[FileOperation, ...]
    unknown: tuple[str, ...] = ()
