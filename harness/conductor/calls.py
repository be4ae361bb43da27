"""Which system calls can be stopped, and what each one touches.

The table is data: a call's number on x86-64, the family under which a scenario asks for it, and where its paths
stand among its arguments. The filter and the supervisor are both made from it.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from dataclasses import dataclass
from enum import Enum


class Family(Enum):
    """Groups of calls that a run may stop at. Each costs a round trip per call, so a run asks for what it needs."""

    REPLACE = "replace"  # rename, link, symlink
    REMOVE = "remove"
    OPEN = "open"  # for writing, creating or truncating
    READ = "read"  # opening for reading: many more than all of the above
    LOOK = "look"  # whether a file is there, and what it is: more again
    LIST = "list"  # what a folder holds, and from when on one is told what happens there
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
    PROBE = "probe"  # whether a process is there: see probes.py
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
SYNC_ALL = frozenset({"sync", "syncfs"})
WRITES_VECTORS = frozenset({"writev", "pwritev", "pwritev2"})
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_NO_FOLLOW = 0x100  # AT_SYMLINK_NOFOLLOW
_IN_DONT_FOLLOW = 0x02000000  # inotify(7)
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
    Kind("open", 2, Family.OPEN, ((_P, 0),), only_flags=(1, WRITES), follows=True, may_read=True),
    Kind("creat", 85, Family.OPEN, ((_P, 0),), follows=True),
    Kind("openat", 257, Family.OPEN, ((_A, 0),), only_flags=(2, WRITES), follows=True, may_read=True),
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
    Kind("inotify_add_watch", 254, Family.LIST, ((_P, 1),), unless_link=(2, _IN_DONT_FOLLOW)),
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
    Kind("kill", 62, Family.PROBE, only_values=(1, (0,))),
    Kind("pidfd_open", 434, Family.PROBE),
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
