"""Whether a stopped call would wait for somebody, or fail because somebody was there first.

Locks are asked, never taken: through a description of our own of the caller's file, so that nothing changes hands.
Sources: flock(2), fcntl(2) on record locks, open(2) on O_EXCL.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

from harness.conductor import calls
from harness.conductor.supervisor import StoppedCall

_FLOCK = struct.Struct("=hhi qq i i")  # struct flock on x86-64: type, whence, padding, start, length, pid, padding
_WAITING = (fcntl.F_SETLKW, fcntl.F_OFD_SETLKW)
_EXCLUSIVE_MAKERS = frozenset({"mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat", "mknod", "mknodat"})
_RENAME_NOREPLACE = 1  # as mv(1) tries first


def would_wait(call: StoppedCall) -> bool:
    """Whether the caller, let go now, would sleep until somebody lets go of a lock."""
    if call.kind.name == "flock":
        return not call.args[1] & fcntl.LOCK_NB and _taken(call)
    if call.kind.name == "fcntl":
        return call.args[1] in _WAITING and _taken(call)
    return False


def in_vain(call: StoppedCall) -> bool:
    """Whether the caller would be told at once that somebody was there first: a lock is taken, a name exists."""
    if call.kind.name in ("flock", "fcntl"):
        return _taken(call)
    return _makes_only(call) and bool(call.path) and os.path.lexists(call.path)


def seen_in_vain(call: StoppedCall) -> bool:
    """The same by looking only. Where others run on, a lock that is taken for a moment, to ask, could cost them theirs.

    /proc/locks (proc(5)) names files by the device of their filesystem, which on some (overlayfs, btrfs) is not what
    stat(2) says: there a flock that is taken is not seen.
    """
    if call.kind.name != "flock":
        return in_vain(call)
    try:
        return not call.args[1] & fcntl.LOCK_UN and not _has_lock(call) and _flock_seen(call)
    except OSError:  # the caller is gone
        return False


def _flock_seen(call: StoppedCall) -> bool:
    about = Path(f"/proc/{call.thread}/fd/{call.args[0] & 0xFFFFFFFF}").stat()
    file = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}:{about.st_ino}"
    in_the_way = ("READ", "WRITE") if call.args[1] & fcntl.LOCK_EX else ("WRITE",)
    held = (line.split() for line in Path("/proc/locks").read_text().splitlines())
    return any(words[1] == "FLOCK" and words[3] in in_the_way and words[5] == file for words in held)


def _makes_only(call: StoppedCall) -> bool:
    """Whether the call fails where its name is taken."""
    exclusive = os.O_CREAT | os.O_EXCL
    if call.kind.name == "renameat2":
        return bool(call.args[4] & _RENAME_NOREPLACE)
    return call.kind.name in _EXCLUSIVE_MAKERS or call.open_flags & exclusive == exclusive


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


def record(call: StoppedCall) -> str:
    """Which bytes a record lock is about, as "@START+LENGTH"; "" for the whole file. Offsets are as the caller said."""
    wanted = _wanted(call) if call.kind.name == "fcntl" else None
    return f"@{wanted[2]}+{wanted[3]}" if wanted and (wanted[2], wanted[3]) != (0, 0) else ""


def _taken(call: StoppedCall) -> bool:
    """Whether somebody else holds what the call asks for. False when it cannot be told: then the caller finds out."""
    try:
        descriptor = os.open(
            f"/proc/{call.thread}/fd/{call.args[0] & 0xFFFFFFFF}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        )
    except OSError:
        return False
    try:
        return _flock_taken(descriptor, call) if call.kind.name == "flock" else _record_taken(descriptor, call)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _flock_taken(descriptor: int, call: StoppedCall) -> bool:
    """A lock of the caller's own on this very description is no obstacle: asking again converts it."""
    if call.args[1] & fcntl.LOCK_UN or _has_lock(call):
        return False
    wanted = fcntl.LOCK_SH if call.args[1] & fcntl.LOCK_SH else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, wanted | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False  # closing our description lets go of it; everybody else is stopped meanwhile


def _has_lock(call: StoppedCall) -> bool:
    info = Path(f"/proc/{call.thread}/fdinfo/{call.args[0] & 0xFFFFFFFF}")
    return any(line.startswith("lock:") and "FLOCK" in line for line in info.read_text().splitlines())


def _record_taken(descriptor: int, call: StoppedCall) -> bool:
    wanted = _wanted(call)
    if wanted is None or wanted[0] == fcntl.F_UNLCK:
        return False
    kind, whence, start, length = wanted
    answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _FLOCK.pack(kind, whence, 0, start, length, 0, 0))
    found, _, _, _, _, holder, _ = _FLOCK.unpack(answer)
    return bool(found != fcntl.F_UNLCK and holder != call.process)


def _wanted(call: StoppedCall) -> tuple[int, int, int, int] | None:
    """The struct flock that the call points to: type, whence, start, length."""
    try:
        raw = calls.read_memory(call.thread, call.args[2], _FLOCK.size)
    except OSError:
        return None
    if len(raw) < _FLOCK.size:
        return None
    kind, whence, _, start, length, _, _ = _FLOCK.unpack(raw)
    return kind, whence, start, length
