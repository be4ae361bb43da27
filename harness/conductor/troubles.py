"""Which faults a kernel may give at which call: the table that sweeps draw from.

A fault that no kernel gives there would blame a program for something that cannot happen, so each line has its source:
the ERRORS section of the call's manual page (section 2 of the Linux man-pages, else 3p of POSIX). Killing a process is
possible anywhere. Left out: EINTR for files on a disk, which are no slow device (signal(7)), and errors that say that
the caller itself is wrong (EBADF, EFAULT, EINVAL).
"""

from __future__ import annotations

import fcntl
import os
from enum import Enum

from harness.conductor import locks
from harness.conductor.calls import Family
from harness.conductor.faults import divisible
from harness.conductor.stopped import StoppedCall
from harness.schedules.decisions import Fault, FaultKind

KILL = "kill"  # the whole command, as when a container, a group or a machine is ended
ALONE = "SIGKILL"  # the caller, as by the kernel when memory is short; the rest of its command goes on, and may tell
SHORT = "short"
TORN = "torn"

# What scenarios sweep over: one trouble, and every fault by which a program may learn of it.
FULL_DISK = ("ENOSPC", "EDQUOT", "EIO", SHORT)
DENIED = ("EACCES", "EROFS", "EPERM")  # EPERM: many a file system that is shared with another machine keeps no modes
EXHAUSTED = ("EMFILE", "ENFILE", "ENOLCK", "EINTR")  # EINTR beside ENOLCK: what waiting for a lock may end with
# A write can be torn: the kernel looks for a SIGKILL between two pages of it (generic_perform_write in mm/filemap.c).
CRASH = (KILL, TORN)
ENDED = ("SIGINT", "SIGTERM")  # by a person or a supervisor; the caller gets it, and its call takes place


class Operation(Enum):
    """What a call is to the file system, as far as its errors depend on it."""

    READ = "opens for reading"
    OPEN = "opens what is there for writing"
    CREATE = "opens and creates"
    WRITE = "writes"
    RESIZE = "changes a size"
    SYNC = "syncs"
    REPLACE = "renames or links"
    REMOVE = "removes"
    MAKE = "makes a directory or a node"
    PERMIT = "sets a mode or an owner"
    DATE = "sets times, or removes an attribute"
    ATTRIBUTE = "sets an extended attribute"
    BIND = "gives a socket its name"
    LISTEN = "listens at a socket"
    CONNECT = "connects to a socket"
    TRY_LOCK = "asks for a lock"
    WAIT_LOCK = "waits for a lock"


_OPENING = ("EACCES", "EMFILE", "ENFILE")
POSSIBLE: dict[Operation, tuple[str, ...]] = {
    Operation.READ: _OPENING,  # open(2)
    Operation.OPEN: (*_OPENING, "EROFS"),  # open(2)
    Operation.CREATE: (*_OPENING, "EROFS", "ENOSPC", "EDQUOT", "EIO"),  # open(2); EIO: open(3p), for a new entry
    Operation.WRITE: ("ENOSPC", "EDQUOT", "EIO"),  # write(2), pwrite(2)
    Operation.RESIZE: ("EIO",),  # truncate(2); making a file shorter needs no space
    Operation.SYNC: ("ENOSPC", "EDQUOT", "EIO"),  # fsync(2)
    Operation.REPLACE: ("EACCES", "EROFS", "ENOSPC", "EDQUOT", "EIO"),  # rename(2), link(2); EIO: rename(3p)
    Operation.REMOVE: ("EACCES", "EROFS", "EIO"),  # unlink(2), rmdir(2)
    Operation.MAKE: ("EACCES", "EROFS", "ENOSPC", "EDQUOT", "EIO"),  # mkdir(2), mknod(2); EIO as for a new entry
    Operation.PERMIT: ("EROFS", "EPERM", "EIO"),  # chmod(2), chown(2)
    Operation.DATE: ("EROFS", "EPERM"),  # utimensat(2), removexattr(2)
    Operation.ATTRIBUTE: ("EPERM", "ENOSPC", "EDQUOT"),  # setxattr(2)
    Operation.BIND: ("EACCES", "EROFS", "ENOSPC", "EDQUOT", "EIO"),  # bind(2), bind(3p); it makes a node: mknod(2)
    Operation.LISTEN: (),  # at a Unix socket nothing that is not the caller's own mistake: listen(2)
    Operation.CONNECT: ("EACCES",),  # connect(2)
    Operation.TRY_LOCK: ("ENOLCK",),  # flock(2), fcntl(2)
    Operation.WAIT_LOCK: ("ENOLCK", "EINTR"),  # flock(2), fcntl(2) on F_SETLKW
}

_BY_FAMILY = {
    Family.REPLACE: Operation.REPLACE,
    Family.REMOVE: Operation.REMOVE,
    Family.MAKE: Operation.MAKE,
    Family.WRITE: Operation.WRITE,
    Family.SYNC: Operation.SYNC,
    Family.SERVE: Operation.LISTEN,
}
_NAMED = {
    "bind": Operation.BIND,
    "connect": Operation.CONNECT,
    **dict.fromkeys(("truncate", "ftruncate"), Operation.RESIZE),
}
_ATTRIBUTES = frozenset({"setxattr", "lsetxattr", "fsetxattr", "setxattrat"})
_PERMITS = frozenset({"chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"})
_OPENS = frozenset({"open", "openat", "openat2", "creat"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_TRUNC


def operation(call: StoppedCall) -> Operation | None:
    """What the call does; None for one that only asks, and for one that lets go of a lock, which cannot fail."""
    if call.kind.name in _OPENS:
        return _opening(call)
    if call.kind.family is Family.LOCK:
        return _locking(call)
    if call.kind.family is Family.MARK:
        return _marking(call)
    return _NAMED.get(call.kind.name) or _BY_FAMILY.get(call.kind.family)


def possible(call: StoppedCall) -> tuple[str, ...]:
    """Every fault that may happen to this call, in the table's order; nothing for a call that is no operation."""
    found = operation(call)
    if found is None:
        return ()
    divided = (SHORT, TORN) if divisible(call) else ()
    # A kill or a signal before what changes nothing is one after the operation before.
    alone = (ALONE,) if call.supervisor.plural else ()
    ended = (KILL, *alone, *ENDED) if found not in (Operation.READ, Operation.CONNECT) else ()
    return (*POSSIBLE[found], *divided, *ended)


def may_strike(call: StoppedCall, fault: Fault) -> bool:
    """Whether this may happen to the call. A signal may come at any time."""
    return fault.kind is FaultKind.SIGNAL or fault.what in possible(call)


def _opening(call: StoppedCall) -> Operation:
    if call.open_flags & os.O_CREAT and not os.path.lexists(call.path):
        return Operation.CREATE
    return Operation.OPEN if call.open_flags & _WRITING else Operation.READ


def _marking(call: StoppedCall) -> Operation:
    if call.kind.name in _PERMITS:
        return Operation.PERMIT
    return Operation.ATTRIBUTE if call.kind.name in _ATTRIBUTES else Operation.DATE


def _locking(call: StoppedCall) -> Operation | None:
    if not locks.locks(call):
        return None
    if call.kind.name == "fcntl":
        waits = call.args[1] in (fcntl.F_SETLKW, fcntl.F_OFD_SETLKW)
    else:
        waits = not call.args[1] & fcntl.LOCK_NB
    return Operation.WAIT_LOCK if waits else Operation.TRY_LOCK
