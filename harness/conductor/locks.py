"""Whether a stopped call would wait for somebody, or fail because somebody was there first.

Locks are looked at, never taken, not even for a moment: others may run on, and ask for them just then.
Sources: flock(2), fcntl(2) on record locks, open(2) on O_EXCL, bind(2), setxattr(2) on XATTR_CREATE. Who has a flock:
`holders`; who answers at a socket: `sockets`.
"""

from __future__ import annotations

import fcntl
import math
import os
import struct

from harness.conductor import holders, operands, ports, sockets
from harness.conductor.paths import AT_FDCWD, open_file, position
from harness.conductor.stopped import StoppedCall

_FLOCK = struct.Struct("=hhi qq i i")  # struct flock on x86-64: type, whence, padding, start, length, pid, padding
_MOST = 1 << 63  # bytes, of a file: off_t
_WAITING = (fcntl.F_SETLKW, fcntl.F_OFD_SETLKW)
_OF_DESCRIPTIONS = (fcntl.F_OFD_SETLK, fcntl.F_OFD_SETLKW)  # locks of an open file description, not of a process
_NO_PROCESS = -1  # who has such a lock, as F_GETLK tells it
_EXCLUSIVE_MAKERS = frozenset(
    {"mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat", "mknod", "mknodat", "bind"}
)
_MARKERS = frozenset({"setxattr", "lsetxattr", "fsetxattr"})
_RENAME_NOREPLACE = 1  # as mv(1) tries first


def would_wait(call: StoppedCall) -> bool:
    """Whether the caller, let go now, would sleep until somebody lets go of a lock."""
    if call.kind.name == "flock":
        return not call.args[1] & fcntl.LOCK_NB and _taken(call)
    if call.kind.name == "fcntl":
        return call.args[1] in _WAITING and _taken(call)
    return False


def lets_go_first(call: StoppedCall) -> bool:
    """Whether the caller has another lock of its own there, of which flock(2) lets go before it asks for this one."""
    try:
        return call.kind.name == "flock" and holders.has_flock(call.thread, call.args[0] & 0xFFFFFFFF)
    except OSError:  # the caller is gone
        return False


def in_vain(call: StoppedCall) -> bool:
    """Whether the caller would be told at once that somebody was there first: a lock is taken, a name exists."""
    if call.kind.name in ("flock", "fcntl"):
        return _taken(call)
    if call.kind.name == "connect":
        return bool(call.path) and sockets.refuses(call.path)
    if call.kind.name in _MARKERS:
        return makes_only(call) and _is_marked(call)
    if ports.is_name(call.path):
        return call.kind.name == "bind" and sockets.has_owner(call.path)
    return makes_only(call) and bool(call.path) and os.path.lexists(call.path)


def makes_only(call: StoppedCall) -> bool:
    """Whether the call fails where its name is taken."""
    exclusive = os.O_CREAT | os.O_EXCL
    if call.kind.name == "renameat2":
        return bool(call.args[4] & _RENAME_NOREPLACE)
    if call.kind.name in _MARKERS:
        return call.args[4] == os.XATTR_CREATE
    return call.kind.name in _EXCLUSIVE_MAKERS or call.open_flags & exclusive == exclusive


def takes(call: StoppedCall) -> bool:
    """Whether the caller will have what others ask for in vain until it lets go of it."""
    return (locks(call) or makes_only(call)) and not in_vain(call)


def locks(call: StoppedCall) -> bool:
    """Whether the call takes a lock, rather than letting go of one."""
    if call.kind.name == "flock":
        return not call.args[1] & fcntl.LOCK_UN
    if call.kind.name == "fcntl":
        wanted = _wanted(call)
        return wanted is None or wanted[0] != fcntl.F_UNLCK
    return False


def shares(call: StoppedCall) -> bool:
    """Whether the call takes a lock that others may have as well, or lets go of one."""
    if call.kind.name == "flock":
        return bool(call.args[1] & (fcntl.LOCK_SH | fcntl.LOCK_UN))
    wanted = _wanted(call) if call.kind.name == "fcntl" else None
    return wanted is not None and wanted[0] in (fcntl.F_RDLCK, fcntl.F_UNLCK)


def takes_share(call: StoppedCall) -> bool:
    """Whether the call takes a lock that others may have as well."""
    return shares(call) and locks(call)


def mode(call: StoppedCall) -> int:
    """A number that differs for a lock that is shared and one that is not, and for whose it is; 0 for other calls."""
    if call.kind.name == "flock":
        return call.args[1] & (fcntl.LOCK_SH | fcntl.LOCK_EX)
    wanted = _wanted(call) if call.kind.name == "fcntl" else None
    return 0 if wanted is None else 2 * (wanted[0] == fcntl.F_WRLCK) + (call.args[1] in _OF_DESCRIPTIONS)


def record(call: StoppedCall) -> str:
    """Which bytes a record lock is about, as "@START+LENGTH"; "" for the whole file."""
    wanted = _wanted(call) if call.kind.name == "fcntl" else None
    return f"@{wanted[1]}+{wanted[2]}" if wanted and wanted[1:] != (0, 0) else ""


def _is_marked(call: StoppedCall) -> bool:
    """Whether the file has the extended attribute already that the call is to set."""
    try:
        operand, name = call.operands[0], operands.read_text(call.thread, call.args[1])
        is_open = operand.text is None and operand.descriptor != AT_FDCWD
        os.getxattr(open_file(call.thread, operand.descriptor) if is_open else call.path, name, follow_symlinks=is_open)
    except (OSError, IndexError):  # it has not, or the caller will be told what is wrong
        return False
    return True


def _taken(call: StoppedCall) -> bool:
    """Whether somebody else holds what the call asks for. False when it cannot be told: then the caller finds out."""
    try:
        return _flock_taken(call) if call.kind.name == "flock" else _record_taken(call)
    except OSError:
        return False


def _flock_taken(call: StoppedCall) -> bool:
    if call.args[1] & fcntl.LOCK_UN:
        return False
    in_the_way = ("READ", "WRITE") if call.args[1] & fcntl.LOCK_EX else ("WRITE",)
    return holders.others_hold(call.thread, call.args[0] & 0xFFFFFFFF, in_the_way)


def _record_taken(call: StoppedCall) -> bool:
    wanted = _wanted(call)
    if wanted is None or wanted[0] == fcntl.F_UNLCK:
        return False
    kind, start, length = wanted
    found, holder = _in_the_way(call, wanted)
    of_description = call.args[1] in _OF_DESCRIPTIONS
    if found == fcntl.F_UNLCK or holder != (_NO_PROCESS if of_description else call.process):
        return bool(found != fcntl.F_UNLCK)
    # It may be the caller's own, which is in nobody's way, and behind which the kernel does not look any further.
    modes = ("READ", "WRITE") if kind == fcntl.F_WRLCK else ("WRITE",)
    whose = "OFDLCK" if of_description else "POSIX"
    last = start + length - 1 if length else math.inf
    return holders.others_hold_record(call.thread, call.args[0] & 0xFFFFFFFF, whose, modes, start, last)


def _in_the_way(call: StoppedCall, wanted: tuple[int, int, int]) -> tuple[int, int]:
    """The first lock that another description than the caller's would wait for: its type, and its process."""
    kind, start, length = wanted
    question = _FLOCK.pack(kind, os.SEEK_SET, 0, start, length, 0, 0)
    descriptor = os.open(open_file(call.thread, call.args[0]), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found, _, _, _, _, holder, _ = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, question))
    finally:
        os.close(descriptor)
    return found, holder


def _wanted(call: StoppedCall) -> tuple[int, int, int] | None:
    """What the struct flock says that the call points to: type, first byte, and length, 0 for all that follow.

    None for one that cannot be read, or that the kernel will refuse.
    """
    try:
        raw = operands.read_memory(call.thread, call.args[2], _FLOCK.size)
        if len(raw) < _FLOCK.size:
            return None
        kind, whence, _, start, length, _, _ = _FLOCK.unpack(raw)
        start += _origin(call, whence)
    except OSError:
        return None
    if length < 0:
        start, length = start + length, -length
    return (kind, start, length) if 0 <= start < _MOST else None


def _origin(call: StoppedCall, whence: int) -> int:
    """The byte that a struct flock counts from. Raises OSError."""
    if whence == os.SEEK_CUR:  # as lockf(3) does
        return position(call.thread, call.args[0] & 0xFFFFFFFF)[0]
    return open_file(call.thread, call.args[0]).stat().st_size if whence == os.SEEK_END else 0
