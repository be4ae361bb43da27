"""What a stopped call concerns: the files that it names, and what stands in its caller's memory."""

from __future__ import annotations

import errno
import os
import struct
from dataclasses import dataclass

from harness.conductor import kernel, paths, ports, sockets
from harness.conductor.calls import WRITES, WRITES_VECTORS, Family, Kind, Place
from harness.conductor.paths import AT_FDCWD

# What reading a caller's memory or descriptors gives where the kernel will refuse the call itself, or the caller is
# gone. Any other failure (no descriptors left, no permission) is ours, and must not pass for an unwatched path.
CALLERS_OWN_FAULT = frozenset({errno.EFAULT, errno.EIO, errno.EBADF, errno.ENAMETOOLONG, errno.ENOENT, errno.ESRCH})
PATH_MAX = 4096
PAGE = 4096
_USUAL = 256  # bytes: what is read first of a path
_ADDRESS = 110  # sizeof(struct sockaddr_un)
_IOVEC, _IOV_MAX = struct.Struct("=QQ"), 1024  # struct iovec: base, length; limits.h
_HOW = struct.Struct("=QQQ")  # struct open_how of openat2(2): flags, mode, resolve
_RESOLVE_IN_ROOT = 0x10  # there "/" is the directory whose descriptor is given

# By a socket's inode, the path that it was to be bound to. The kernel keeps the name as it was given, which may have
# led through a descriptor that is closed by now, or from a folder that the caller has left.
_bound: dict[int, str] = {}


@dataclass(frozen=True, slots=True)
class Operand:
    """One object that a stopped call names."""

    path: str  # absolute, its directory resolved as the caller sees it; or a name of `ports`
    descriptor: int = AT_FDCWD  # of the caller: the open file, or where a relative `text` starts
    text: str | None = None  # the path as the caller gave it; None for an open file
    follows: bool = False  # whether a link in the last component is followed


def operands(kind: Kind, thread: int, args: tuple[int, ...]) -> tuple[Operand, ...]:
    """What a stopped call names. Raises OSError; EFAULT, EIO or EBADF where the kernel will refuse the call itself."""
    follows = kind.follows or bool(kind.unless_link and not args[kind.unless_link[0]] & kind.unless_link[1])
    return tuple(_operand(kind, place, index, thread, args, follows=follows) for place, index in kind.places)


def found_again(thread: int, operand: Operand) -> Operand:
    """What the operand of a call that has waited means by now. Raises OSError."""
    if ports.is_name(operand.path):
        return operand
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
    return flags is not None and not flags & WRITES


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
        number = sockets.number(thread, args[index])
        if name := ports.of_socket(thread, args[index]):
            return Operand(name)
        return _found(thread, AT_FDCWD, _path_bound_to(number), follows=follows)
    if place is Place.ADDRESS:
        raw = read_memory(thread, args[index], min(args[index + 1] & 0xFFFFFFFF, _ADDRESS))
        if name := ports.name_in(raw):
            return Operand(name)
        operand = _found(thread, AT_FDCWD, _path_in_address(raw), follows=follows)
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


def _path_in_address(raw: bytes) -> str:
    """The path as a Unix socket's address tells it. Raises OSError, with ENOENT for one that has none."""
    text = sockets.path_in(raw)
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
