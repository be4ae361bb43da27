"""Which system calls can be stopped, and what each one touches.

The table is data: a call's number on x86-64, the family under which a scenario asks for it, and where its paths
stand among its arguments. The filter and the supervisor are both made from it.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import struct
from dataclasses import dataclass
from enum import Enum

from harness.conductor import kernel, paths, sockets
from harness.conductor.paths import AT_FDCWD

# What reading a caller's memory or descriptors gives where the kernel will refuse the call itself, or the caller is
# gone. Any other failure (no descriptors left, no permission) is ours, and must not pass for an unwatched path.
CALLERS_OWN_FAULT = frozenset({errno.EFAULT, errno.EIO, errno.EBADF, errno.ENAMETOOLONG, errno.ENOENT, errno.ESRCH})
PATH_MAX = 4096
PAGE = 4096
_USUAL = 256  # bytes: what is read first of a path
_ADDRESS = 110  # sizeof(struct sockaddr_un)


class Family(Enum):
    """Groups of calls that a run may stop at. Each costs a round trip per call, so a run asks for what it needs."""

    REPLACE = "replace"  # rename, link, symlink
    REMOVE = "remove"
    OPEN = "open"  # for writing, creating or truncating
    READ = "read"  # opening for reading: many more than all of the above
    LOOK = "look"  # whether a file is there, and what it is: more again
    LIST = "list"  # what a folder holds
    LOOKUP = "lookup"  # opening for reading alone, to answer for the files in which names are looked up
    MAKE = "make"  # directories, pipes, and the names of Unix sockets
    WRITE = "write"  # data through a descriptor, whatever its number: a shell redirects by putting the file on 0 or 1
    SYNC = "sync"
    MAP = "map"  # files into memory that is shared, and their syncs: what is stored there is no call
    MARK = "mark"  # what is said of a file and does not stand in it: permissions, owner, times, extended attributes
    INSPECT = "inspect"  # extended attributes, asked for
    SERVE = "serve"  # from when on a Unix socket can be connected to
    LOCK = "lock"
    SHARE = "share"  # those of LOCK that exclude no reader: to share a lock, and to let go. No filter can tell them
    LIMIT = "limit"  # times after which a program wants a signal: no director sees these either, see limits.py
    FORK = "fork"  # of processes and threads; these concern no file
    START = "start"  # exec: an actor's first is the start of its program
    END = "end"  # of a process that is not killed: no director sees it, see endings.py
    NETWORK = "network"
    SOCKET = "socket"  # new ones for the internet, which are part of NETWORK only for a run that asks

    __hash__ = object.__hash__  # that of Enum is a function in Python, and sets are asked of it at every stop


class Place(Enum):
    """How a path is found from the registers."""

    PATH = "path"  # args[i] points to it
    AT = "at"  # args[i] is a directory descriptor, args[i + 1] points to it
    DESCRIPTOR = "descriptor"  # args[i] is an open file
    MEMORY = "memory"  # args[i] is an address at which a file is mapped
    ADDRESS = "address"  # args[i] points to a socket's address of args[i + 1] bytes: only a Unix one's may be a path
    SOCKET = "socket"  # args[i] is an open socket: its path is the one that it was bound to


@dataclass(frozen=True, slots=True)
class Kind:
    """One system call."""

    name: str
    number: int
    family: Family
    places: tuple[tuple[Place, int], ...] = ()
    only_flags: tuple[int, int] | None = None  # (argument, mask): stop only if a bit of the mask is set
    unless_flags: tuple[int, int] | None = None  # (argument, mask): stop only if no bit of the mask is set
    only_values: tuple[int, tuple[int, ...]] | None = None  # (argument, values): stop only for one of these
    only_nonzero: int | None = None  # stop only if this argument is not 0
    follows: bool = False  # whether a link in the last component is followed
    unless_link: tuple[int, int] | None = None  # (argument, mask): but not if a bit of the mask is set
    may_read: bool = False  # whoever wants reads or look-ups is shown it whatever its flags are
    names_none: bool = False  # it concerns every file, and names none


_MS_SYNC = 4  # msync(2)
_AT_EMPTY_PATH = 0x1000  # the call concerns an open descriptor: what it tells was decided when that was opened
_FRAMES = (17, 44)  # AF_PACKET, AF_XDP: once bound to a device they send to it without an address (packet(7))
_INTERNET = (2, 10)  # AF_INET, AF_INET6
LOCK_COMMANDS = (fcntl.F_SETLK, fcntl.F_SETLKW, fcntl.F_OFD_SETLK, fcntl.F_OFD_SETLKW)
WRITES_VECTORS = frozenset({"writev", "pwritev", "pwritev2"})
_IOVEC, _IOV_MAX = struct.Struct("=QQ"), 1024  # struct iovec: base, length; limits.h
_HOW = struct.Struct("=QQQ")  # struct open_how of openat2(2): flags, mode, resolve
_RESOLVE_IN_ROOT = 0x10  # there "/" is the directory whose descriptor is given
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_NO_FOLLOW = 0x100  # AT_SYMLINK_NOFOLLOW
_P, _A, _D, _M = Place.PATH, Place.AT, Place.DESCRIPTOR, Place.MEMORY

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
    Kind("open", 2, Family.OPEN, ((_P, 0),), only_flags=(1, _WRITES), follows=True, may_read=True),
    Kind("creat", 85, Family.OPEN, ((_P, 0),), follows=True),
    Kind("openat", 257, Family.OPEN, ((_A, 0),), only_flags=(2, _WRITES), follows=True, may_read=True),
    Kind("openat2", 437, Family.OPEN, ((_A, 0),), follows=True, may_read=True),
    Kind("truncate", 76, Family.OPEN, ((_P, 0),), follows=True),
    Kind("mkdir", 83, Family.MAKE, ((_P, 0),)),
    Kind("mkdirat", 258, Family.MAKE, ((_A, 0),)),
    Kind("mknod", 133, Family.MAKE, ((_P, 0),)),
    Kind("mknodat", 259, Family.MAKE, ((_A, 0),)),
    Kind("bind", 49, Family.MAKE, ((Place.ADDRESS, 1),)),
    Kind("write", 1, Family.WRITE, ((_D, 0),)),
    Kind("pwrite64", 18, Family.WRITE, ((_D, 0),)),
    Kind("writev", 20, Family.WRITE, ((_D, 0),)),
    Kind("pwritev", 296, Family.WRITE, ((_D, 0),)),
    Kind("pwritev2", 328, Family.WRITE, ((_D, 0),)),
    Kind("ftruncate", 77, Family.WRITE, ((_D, 0),)),
    Kind("fallocate", 285, Family.WRITE, ((_D, 0),)),
    Kind("copy_file_range", 326, Family.WRITE, ((_D, 2),)),
    Kind("splice", 275, Family.WRITE, ((_D, 2),)),
    Kind("sendfile", 40, Family.WRITE, ((_D, 0),)),
    Kind("fsync", 74, Family.SYNC, ((_D, 0),)),
    Kind("fdatasync", 75, Family.SYNC, ((_D, 0),)),
    Kind("syncfs", 306, Family.SYNC, ((_D, 0),)),
    Kind("sync", 162, Family.SYNC, names_none=True),
    Kind("mmap", 9, Family.MAP, ((_D, 4),), only_flags=(3, mmap.MAP_SHARED)),
    Kind("msync", 26, Family.MAP, ((_M, 0),), only_flags=(2, _MS_SYNC)),
    Kind("stat", 4, Family.LOOK, ((_P, 0),), follows=True),
    Kind("lstat", 6, Family.LOOK, ((_P, 0),)),
    Kind("newfstatat", 262, Family.LOOK, ((_A, 0),), unless_flags=(3, _AT_EMPTY_PATH), unless_link=(3, _NO_FOLLOW)),
    Kind("statx", 332, Family.LOOK, ((_A, 0),), unless_flags=(2, _AT_EMPTY_PATH), unless_link=(2, _NO_FOLLOW)),
    Kind("access", 21, Family.LOOK, ((_P, 0),), follows=True),
    Kind("faccessat", 269, Family.LOOK, ((_A, 0),), follows=True),
    Kind("faccessat2", 439, Family.LOOK, ((_A, 0),), unless_flags=(3, _AT_EMPTY_PATH), follows=True),
    Kind("readlink", 89, Family.LOOK, ((_P, 0),)),
    Kind("readlinkat", 267, Family.LOOK, ((_A, 0),)),
    Kind("getdents64", 217, Family.LIST, ((_D, 0),)),
    Kind("setxattr", 188, Family.MARK, ((_P, 0),), follows=True),
    Kind("lsetxattr", 189, Family.MARK, ((_P, 0),)),
    Kind("fsetxattr", 190, Family.MARK, ((_D, 0),)),
    Kind("removexattr", 197, Family.MARK, ((_P, 0),), follows=True),
    Kind("lremovexattr", 198, Family.MARK, ((_P, 0),)),
    Kind("fremovexattr", 199, Family.MARK, ((_D, 0),)),
    Kind("setxattrat", 463, Family.MARK, ((_A, 0),), unless_link=(2, _NO_FOLLOW)),
    Kind("removexattrat", 466, Family.MARK, ((_A, 0),), unless_link=(2, _NO_FOLLOW)),
    Kind("chmod", 90, Family.MARK, ((_P, 0),), follows=True),
    Kind("fchmod", 91, Family.MARK, ((_D, 0),)),
    Kind("fchmodat", 268, Family.MARK, ((_A, 0),), follows=True),
    Kind("fchmodat2", 452, Family.MARK, ((_A, 0),), unless_link=(3, _NO_FOLLOW)),
    Kind("chown", 92, Family.MARK, ((_P, 0),), follows=True),
    Kind("fchown", 93, Family.MARK, ((_D, 0),)),
    Kind("lchown", 94, Family.MARK, ((_P, 0),)),
    Kind("fchownat", 260, Family.MARK, ((_A, 0),), unless_link=(4, _NO_FOLLOW)),
    Kind("utime", 132, Family.MARK, ((_P, 0),), follows=True),
    Kind("utimes", 235, Family.MARK, ((_P, 0),), follows=True),
    Kind("futimesat", 261, Family.MARK, ((_A, 0),), follows=True),
    Kind("utimensat", 280, Family.MARK, ((_A, 0),), unless_link=(3, _NO_FOLLOW)),
    Kind("getxattr", 191, Family.INSPECT, ((_P, 0),), follows=True),
    Kind("lgetxattr", 192, Family.INSPECT, ((_P, 0),)),
    Kind("fgetxattr", 193, Family.INSPECT, ((_D, 0),)),
    Kind("getxattrat", 464, Family.INSPECT, ((_A, 0),), unless_link=(2, _NO_FOLLOW)),
    Kind("listxattr", 194, Family.INSPECT, ((_P, 0),), follows=True),
    Kind("llistxattr", 195, Family.INSPECT, ((_P, 0),)),
    Kind("flistxattr", 196, Family.INSPECT, ((_D, 0),)),
    Kind("listxattrat", 465, Family.INSPECT, ((_A, 0),), unless_link=(2, _NO_FOLLOW)),
    Kind("listen", 50, Family.SERVE, ((Place.SOCKET, 0),)),
    Kind("flock", 73, Family.LOCK, ((_D, 0),)),
    Kind("fcntl", 72, Family.LOCK, ((_D, 0),), only_values=(1, LOCK_COMMANDS)),
    Kind("alarm", 37, Family.LIMIT),
    Kind("setitimer", 38, Family.LIMIT),
    Kind("timer_settime", 223, Family.LIMIT),
    Kind("clone", 56, Family.FORK),
    Kind("fork", 57, Family.FORK),
    Kind("vfork", 58, Family.FORK),
    Kind("clone3", 435, Family.FORK),
    Kind("execve", 59, Family.START),
    Kind("execveat", 322, Family.START),
    Kind("exit_group", 231, Family.END),
    Kind("socket", 41, Family.SOCKET, only_values=(0, (*_INTERNET, *_FRAMES))),  # before its like: one of them stops it
    Kind("socket", 41, Family.NETWORK, only_values=(0, _FRAMES)),
    Kind("connect", 42, Family.NETWORK, ((Place.ADDRESS, 1),), follows=True),
    Kind("sendto", 44, Family.NETWORK, only_nonzero=4),
    Kind("sendmsg", 46, Family.NETWORK),
    Kind("sendmmsg", 307, Family.NETWORK),
)
BY_NUMBER = {kind.number: kind for kind in KINDS}
# What would carry file operations past any filter, and is always refused: io_uring, and the older io_submit(2).
IO_URING_SETUP, IO_SETUP = 425, 206

# By a socket's inode, the path that it was to be bound to. The kernel keeps the name as it was given, which may have
# led through a descriptor that is closed by now, or from a folder that the caller has left.
_bound: dict[int, str] = {}


@dataclass(frozen=True, slots=True)
class Operand:
    """One object that a stopped call names."""

    path: str  # absolute, its directory resolved as the caller sees it
    descriptor: int = AT_FDCWD  # of the caller: the open file, or where a relative `text` starts
    text: str | None = None  # the path as the caller gave it; None for an open file
    follows: bool = False  # whether a link in the last component is followed


def operands(kind: Kind, thread: int, args: tuple[int, ...]) -> tuple[Operand, ...]:
    """What a stopped call names. Raises OSError; EFAULT, EIO or EBADF where the kernel will refuse the call itself."""
    follows = kind.follows or bool(kind.unless_link and not args[kind.unless_link[0]] & kind.unless_link[1])
    return tuple(_operand(kind, place, index, thread, args, follows=follows) for place, index in kind.places)


def found_again(thread: int, operand: Operand) -> Operand:
    """What the operand of a call that has waited means by now. Raises OSError."""
    return _found(thread, operand.descriptor, operand.text, follows=operand.follows)


def open_flags(kind: Kind, thread: int, args: tuple[int, ...]) -> int | None:
    """The flags of a call that opens a file, None for any other. Raises OSError."""
    match kind.name:
        case "open":
            return args[1]
        case "openat":
            return args[2]
        case "creat":
            return os.O_CREAT | os.O_WRONLY | os.O_TRUNC
        case "openat2":
            return _how(thread, args)[0]
        case _:
            return None


def changes_nothing(flags: int | None) -> bool:
    """Whether a call that may open a file for writing only opens it for reading."""
    return flags is not None and not flags & _WRITES


def read_text(thread: int, address: int) -> str:
    """The C string at an address of a stopped thread, undecodable bytes escaped.

    Raises OSError: EFAULT or EIO for a bad address, ENAMETOOLONG for a longer text than a path may be.
    """
    data = b""
    while b"\0" not in data:
        if len(data) >= PATH_MAX:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        start = address + len(data)
        more = read_memory(
            thread, start, min(_USUAL << len(data).bit_length(), PATH_MAX - len(data), PAGE - start % PAGE)
        )  # the next page may not be there, and hardly any path is long
        if not more:
            raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
        data += more
    return os.fsdecode(data.split(b"\0", 1)[0])


def read_memory(thread: int, address: int, size: int) -> bytes:
    """Bytes of a stopped thread's memory, fewer where its mapping ends. Raises OSError."""
    if address + size >= 1 << 63:  # the kernel's half, which a file offset cannot even express
        raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
    return kernel.read_memory(thread, address, size)


def memory_written(kind: Kind, thread: int, args: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Where what a call writes stands in its caller's memory, as addresses and lengths. Raises OSError.

    Nothing for a call that is no write(2), pwrite(2), writev(2) or kin of theirs.
    """
    if kind.name in ("write", "pwrite64"):
        return ((args[1], args[2]),)
    if kind.name not in WRITES_VECTORS:
        return ()
    vectors = read_memory(thread, args[1], _IOVEC.size * min(args[2], _IOV_MAX))
    return tuple(_IOVEC.iter_unpack(vectors[: len(vectors) // _IOVEC.size * _IOVEC.size]))


def _operand(kind: Kind, place: Place, index: int, thread: int, args: tuple[int, ...], *, follows: bool) -> Operand:
    if place is Place.MEMORY:
        return Operand(paths.mapped(thread, args[index])[0])
    if place is Place.SOCKET:
        return _found(thread, AT_FDCWD, _path_bound_to(sockets.number(thread, args[index])), follows=follows)
    if place is Place.ADDRESS:
        operand = _found(thread, AT_FDCWD, _path_in_address(index, thread, args), follows=follows)
        if kind.name == "bind":
            _bound[sockets.number(thread, args[0])] = operand.path
        return operand
    descriptor = AT_FDCWD if place is Place.PATH else args[index] & 0xFFFFFFFF
    times_of_open_file = kind.family is Family.MARK and place is Place.AT and not args[index + 1]  # utimensat(2)
    if place is Place.DESCRIPTOR or times_of_open_file:
        return _found(thread, descriptor, None, follows=follows)
    text = read_text(thread, args[index if place is Place.PATH else index + 1])
    if kind.name == "openat2" and _how(thread, args)[1] & _RESOLVE_IN_ROOT:
        text = text.lstrip("/")
    return _found(thread, descriptor, text, follows=follows)


def _path_in_address(index: int, thread: int, args: tuple[int, ...]) -> str:
    """The path as a Unix socket's address tells it. Raises OSError, with ENOENT for one that has none."""
    text = sockets.path_in(read_memory(thread, args[index], min(args[index + 1] & 0xFFFFFFFF, _ADDRESS)))
    if not text:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    return text


def _path_bound_to(number: int) -> str:
    """The path of the socket of this inode. Raises OSError, with ENOENT for one that has none."""
    text = sockets.name_of(number)
    if not text:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    return _bound.get(number, text)


def _how(thread: int, args: tuple[int, ...]) -> tuple[int, int]:
    """Of the struct open_how of an openat2(2): `flags` and `resolve`. Raises OSError."""
    how = read_memory(thread, args[2], _HOW.size)
    if len(how) < _HOW.size:
        return os.O_RDWR, 0  # the kernel will refuse it
    flags, _mode, resolve = _HOW.unpack(how)
    return flags, resolve


def _found(thread: int, descriptor: int, text: str | None, *, follows: bool) -> Operand:
    if text is None:
        return Operand(paths.of_descriptor(thread, descriptor), descriptor)
    return Operand(paths.absolute(thread, descriptor, text, follows=follows), descriptor, text, follows)
