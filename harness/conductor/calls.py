"""Which system calls can be stopped, and what each one touches.

The table is data: a call's number on x86-64, the family under which a scenario asks for it, and where its paths
stand among its arguments. The filter and the supervisor are both made from it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

AT_FDCWD = 0xFFFFFF9C  # as a 32-bit register holds it


class Family(Enum):
    """Groups of calls that a run may stop at. Each costs a round trip per call, so a run asks for what it needs."""

    REPLACE = "replace"  # rename, link, symlink
    REMOVE = "remove"
    OPEN = "open"  # for writing, creating or truncating; reads are never stopped
    MAKE = "make"  # directories
    WRITE = "write"  # data through a descriptor above 2
    SYNC = "sync"
    LOCK = "lock"
    NETWORK = "network"


class Place(Enum):
    """How a path is found from the registers."""

    PATH = "path"  # args[i] points to it
    AT = "at"  # args[i] is a directory descriptor, args[i + 1] points to it
    DESCRIPTOR = "descriptor"  # args[i] is an open file


@dataclass(frozen=True, slots=True)
class Kind:
    """One system call."""

    name: str
    number: int
    family: Family
    places: tuple[tuple[Place, int], ...] = ()
    only_flags: tuple[int, int] | None = None  # (argument, mask): stop only if a bit of the mask is set
    min_descriptor: int | None = None  # stop only if args[0] is at least this
    only_nonzero: int | None = None  # stop only if this argument is not 0


_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_P, _A, _D = Place.PATH, Place.AT, Place.DESCRIPTOR

KINDS = (
    Kind("rename", 82, Family.REPLACE, ((_P, 0), (_P, 1))),
    Kind("renameat", 264, Family.REPLACE, ((_A, 0), (_A, 2))),
    Kind("renameat2", 316, Family.REPLACE, ((_A, 0), (_A, 2))),
    Kind("link", 86, Family.REPLACE, ((_P, 0), (_P, 1))),
    Kind("linkat", 265, Family.REPLACE, ((_A, 0), (_A, 2))),
    Kind("symlink", 88, Family.REPLACE, ((_P, 1),)),
    Kind("symlinkat", 266, Family.REPLACE, ((_A, 1),)),
    Kind("unlink", 87, Family.REMOVE, ((_P, 0),)),
    Kind("unlinkat", 263, Family.REMOVE, ((_A, 0),)),
    Kind("rmdir", 84, Family.REMOVE, ((_P, 0),)),
    Kind("open", 2, Family.OPEN, ((_P, 0),), only_flags=(1, _WRITES)),
    Kind("creat", 85, Family.OPEN, ((_P, 0),)),
    Kind("openat", 257, Family.OPEN, ((_A, 0),), only_flags=(2, _WRITES)),
    Kind("openat2", 437, Family.OPEN, ((_A, 0),)),
    Kind("truncate", 76, Family.OPEN, ((_P, 0),)),
    Kind("mkdir", 83, Family.MAKE, ((_P, 0),)),
    Kind("mkdirat", 258, Family.MAKE, ((_A, 0),)),
    Kind("write", 1, Family.WRITE, ((_D, 0),), min_descriptor=3),
    Kind("pwrite64", 18, Family.WRITE, ((_D, 0),), min_descriptor=3),
    Kind("writev", 20, Family.WRITE, ((_D, 0),), min_descriptor=3),
    Kind("pwritev", 296, Family.WRITE, ((_D, 0),), min_descriptor=3),
    Kind("pwritev2", 328, Family.WRITE, ((_D, 0),), min_descriptor=3),
    Kind("ftruncate", 77, Family.WRITE, ((_D, 0),), min_descriptor=3),
    Kind("copy_file_range", 326, Family.WRITE, ((_D, 2),)),
    Kind("sendfile", 40, Family.WRITE, ((_D, 0),), min_descriptor=3),
    Kind("fsync", 74, Family.SYNC, ((_D, 0),)),
    Kind("fdatasync", 75, Family.SYNC, ((_D, 0),)),
    Kind("flock", 73, Family.LOCK, ((_D, 0),)),
    Kind("connect", 42, Family.NETWORK),
    Kind("sendto", 44, Family.NETWORK, only_nonzero=4),
    Kind("sendmsg", 46, Family.NETWORK),
    Kind("sendmmsg", 307, Family.NETWORK),
)
BY_NUMBER = {kind.number: kind for kind in KINDS}
IO_URING_SETUP = 425  # a ring would carry file operations past any filter, so it is always refused


def read_text(thread: int, address: int, limit: int = 4096) -> str:
    """The C string at an address of a stopped thread, undecodable bytes escaped. Raises OSError when it is gone."""
    to_page_end = 4096 - address % 4096  # beyond it nothing may be mapped
    data = read_memory(thread, address, min(limit, to_page_end))
    if b"\0" not in data and limit > to_page_end:
        data += read_memory(thread, address + to_page_end, limit - to_page_end)
    return os.fsdecode(data.split(b"\0", 1)[0])


def read_memory(thread: int, address: int, size: int) -> bytes:
    """Bytes of a stopped thread's memory, fewer where its mapping ends. Raises OSError."""
    descriptor = os.open(f"/proc/{thread}/mem", os.O_RDONLY)
    try:
        return os.pread(descriptor, size, address)
    finally:
        os.close(descriptor)


def paths(kind: Kind, thread: int, args: tuple[int, ...]) -> tuple[str, ...]:
    """The absolute paths that a stopped call names, links in their last component not followed. Raises OSError."""
    return tuple(_path(place, index, thread, args) for place, index in kind.places)


def _path(place: Place, index: int, thread: int, args: tuple[int, ...]) -> str:
    if place is Place.DESCRIPTOR:
        return str(Path(f"/proc/{thread}/fd/{args[index] & 0xFFFFFFFF}").readlink())
    if place is Place.PATH:
        return _absolute(thread, AT_FDCWD, read_text(thread, args[index]))
    return _absolute(thread, args[index] & 0xFFFFFFFF, read_text(thread, args[index + 1]))


def _absolute(thread: int, directory: int, name: str) -> str:
    if not name.startswith("/"):
        link = f"/proc/{thread}/cwd" if directory == AT_FDCWD else f"/proc/{thread}/fd/{directory}"
        name = f"{Path(link).readlink()}/{name}"
    parent, _, last = name.rpartition("/")
    # realpath of the parent only: a rename replaces the link itself, not what it points to.
    return f"{os.path.realpath(parent or '/')}/{last}" if last not in ("", ".", "..") else os.path.realpath(name)
