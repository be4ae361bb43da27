"""What a stopped file call would do to a recorded folder, read from its registers and its caller's memory.

It knows the calls and their arguments, and nothing of time: what becomes of a call is `attempts`' business. A call that
will certainly be refused, or that changes nothing that can be read, gives no attempt. Sources: the calls' own manual
pages in section 2, proc(5) for /proc/PID/fdinfo.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from harness.conductor import calls, operands
from harness.conductor.arrivals import Arrivals, Unclear
from harness.conductor.attempts import (
    Appears,
    Attempt,
    Copies,
    Moves,
    Name,
    Resizes,
    Says,
    Syncs,
    Touched,
    Vanishes,
    Writes,
    inode_of,
    marks,
    synced_by,
)
from harness.conductor.calls import Family
from harness.conductor.paths import AT_FDCWD, mapped, open_file, position
from harness.conductor.stopped import StoppedCall
from harness.powerloss.disk import Disk
from harness.powerloss.log import Bytes, File, Folder, Length, Shift

MOST_BYTES = 64 << 20  # of the folder at the start, and of the data written
_CREATES = frozenset({"open", "openat", "openat2", "creat"})
_RENAMES = frozenset({"rename", "renameat", "renameat2"})
_MAKES = frozenset({"mkdir", "mkdirat", "symlink", "symlinkat", "link", "linkat", "mknod", "mknodat"})
_REMOVES = frozenset({"unlink", "unlinkat", "rmdir"})
_WRITES = calls.WRITES_VECTORS | {"write", "pwrite64"}
_SIZES = frozenset({"truncate", "ftruncate", "fallocate"})
_COPIES = {"copy_file_range": 2, "splice": 2, "sendfile": 0}  # which argument is the descriptor that is written to
_DATES = frozenset({"utime", "utimes", "futimesat", "utimensat"})
_EXCHANGE = 2  # RENAME_EXCHANGE, rename(2)
_KEEP_SIZE, _PUNCH_HOLE, _ZERO_RANGE = 1, 2, 16  # fallocate(2): the first alone changes no byte that can be read
_SHIFTS = {8: -1, 32: 1}  # FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE
_RWF_APPEND = 16  # linux/fs.h


class Foresight:
    """Makes attempts of calls. Keeps files open, so that their inodes' numbers are not used again, until `close`."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk  # as it is now: the recorder's own
        self._open: dict[int, int] = {}  # by inode: a descriptor of ours
        self._mapped: dict[int, str] = {}  # files that were mapped into shared memory: by inode, by which actor
        self._left = MOST_BYTES
        self.arrivals = Arrivals(self._is_inside, self._is_known, self._hold, MOST_BYTES)

    def close(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def concerns(self, call: StoppedCall) -> bool:
        """Whether the call names anything in the folder, or is one that concerns every file."""
        return call.kind.names_none or any(self._is_inside(path) for path in call.paths)

    def relative(self, path: str) -> str:
        """A path as people are to read it."""
        return os.path.relpath(path, self._folder) if self._is_inside(path) else path

    def stores(self, busy: Touched) -> Iterator[tuple[str, Bytes]]:
        """Which actor has stored what in mapped files since the last time, page by page, as a kernel writes them.

        Nothing is told of files that a call may be changing (`busy`), nor of those whose length has changed unseen.
        """
        for inode, actor in self._mapped.items():
            before = self._disk.data(inode)
            if before is None or (inode,) in busy:
                continue
            now = os.pread(self._open[inode], len(before) + 1, 0)
            if len(now) != len(before) or now == before:
                continue
            for start in range(0, len(now), operands.PAGE):
                page = now[start : start + operands.PAGE]
                if page != before[start : start + operands.PAGE]:
                    yield actor, Bytes(inode=inode, offset=start, data=page)

    def attempt(self, call: StoppedCall) -> Attempt | None:
        """What the call would do, if that is anything. Raises Unclear; OSError as the kernel would, or worse."""
        name = call.kind.name
        if name in _CREATES:
            return self._opening(call)
        if name in _RENAMES:
            return self._renaming(call)
        if name in _MAKES:
            return self._appearing(Path(call.path))
        if name in _REMOVES:
            return self._vanishing(Path(call.path))
        if name in _WRITES:
            return self._writing(call)
        if name in _SIZES:
            return self._resizing(call)
        if name in _COPIES:
            return self._copying(call, _COPIES[name])
        return self._saying(call) if call.kind.family is Family.MARK else self._other(call)

    def _opening(self, call: StoppedCall) -> Attempt | None:
        flags = call.open_flags
        path = Path(call.path)
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            return None  # see `arrivals`
        inode = inode_of(path)
        if inode is None:
            return self._appearing(path) if flags & os.O_CREAT else None
        return self._cut(call, inode, path, 0) if flags & os.O_TRUNC and self._is_known(inode) else None

    def _appearing(self, path: Path) -> Attempt | None:
        if inode_of(path) is not None:
            return None  # it will be refused
        return Appears(at=self._name(path), is_known=self._is_known)

    def _vanishing(self, path: Path) -> Attempt | None:
        inode = inode_of(path)
        if inode is None:
            return None
        self._hold(inode, path)
        return Vanishes(at=self._name(path), inode=inode)

    def _renaming(self, call: StoppedCall) -> Attempt | None:
        old, new = map(Path, call.paths)
        inode, replaced = inode_of(old), inode_of(new)
        if inode is None or inode == replaced:  # rename(2): two names of one file stay as they are
            return None
        exchange = call.kind.name == "renameat2" and bool(call.args[4] & _EXCHANGE)
        inside = [self._is_inside(path) for path in call.paths]
        if exchange and not all(inside):
            raise Unclear(f"{self.relative(call.paths[inside[1]])} changed places with a file outside")
        if not inside[1]:
            return self._vanishing(old)
        if replaced is not None:
            self._hold(replaced, new)
        left = self._name(old) if inside[0] else None
        return Moves(old=left, new=self._name(new), inode=inode, swapped=replaced if exchange else None)

    def _writing(self, call: StoppedCall) -> Attempt | None:
        inode = self._inode(call, 0)
        if not self._is_known(inode):
            return None  # a file that has no name any more
        data = call.data(most=MOST_BYTES + 1)
        self._left -= len(data)
        if self._left < 0:
            raise Unclear(f"more than {MOST_BYTES} bytes were written")
        offset, flags = position(call.thread, call.args[0] & 0xFFFFFFFF)
        how = call.args[5] if call.kind.name == "pwritev2" else 0
        handle = self._hold(inode, _descriptor(call, 0))
        if flags & os.O_APPEND or how & _RWF_APPEND:  # also for pwrite: its manual page calls that a bug of Linux
            offset = os.fstat(handle).st_size
        elif call.kind.name.startswith("p") and call.args[3] < 1 << 63:  # pwritev2 takes -1 for "where it stands"
            offset = call.args[3]
        self._affordable(call, offset + len(data))
        synced = synced_by(flags, how)
        return Writes(inode=inode, handle=handle, offset=offset, data=data, synced=synced) if data else None

    def _resizing(self, call: StoppedCall) -> Attempt | None:
        if call.kind.name == "truncate":
            path = Path(call.path)
            inode = inode_of(path)
            return None if inode is None else self._cut(call, inode, path, call.args[1])
        inode, path = self._inode(call, 0), _descriptor(call, 0)
        if call.kind.name == "ftruncate":
            return self._cut(call, inode, path, call.args[1])
        before, mode, end = self._disk.data(inode), call.args[1], call.args[2] + call.args[3]
        if before is None or mode == _KEEP_SIZE:
            return None
        if mode & ~_KEEP_SIZE in (_PUNCH_HOLE, _ZERO_RANGE):
            end = self._affordable(call, min(end, len(before)) if mode & _KEEP_SIZE else end)
            zeroes, handle = bytes(max(0, end - call.args[2])), self._hold(inode, path)
            return Writes(inode=inode, handle=handle, offset=call.args[2], data=zeroes) if zeroes else None
        if mode in _SHIFTS:
            shift = Shift(inode=inode, offset=call.args[2], size=_SHIFTS[mode] * call.args[3])
            size = self._affordable(call, len(before) + shift.size)
            return Resizes(change=shift, handle=self._hold(inode, path), size=size)
        if mode:
            raise Unclear(f"fallocate with mode {mode} of {self.relative(call.path)}")
        return self._cut(call, inode, path, max(end, len(before)))

    def _copying(self, call: StoppedCall, argument: int) -> Attempt | None:
        inode = self._inode(call, argument)
        before = self._disk.data(inode)
        if before is None:
            return None
        flags = position(call.thread, call.args[argument] & 0xFFFFFFFF)[1]
        handle = self._hold(inode, _descriptor(call, argument))
        return Copies(inode=inode, handle=handle, before=before, synced=synced_by(flags))

    def _saying(self, call: StoppedCall) -> Attempt | None:
        """Nothing for a link, for what has no name yet (`arrivals`), and for the folder itself."""
        operand = call.operands[0]
        is_open = operand.text is None and operand.descriptor != AT_FDCWD
        path = open_file(call.thread, operand.descriptor) if is_open else Path(operand.path)
        inode = path.stat().st_ino if is_open else inode_of(path)
        if inode is None or inode == self._disk.root or not isinstance(self._disk.nodes.get(inode), File | Folder):
            return None
        handle = self._hold(inode, path)
        return Says(before=marks(inode, handle, dates=call.kind.name in _DATES), handle=handle)

    def _cut(self, call: StoppedCall, inode: int, path: Path, size: int) -> Attempt | None:
        before = self._disk.data(inode)
        if before is None or len(before) == self._affordable(call, size):
            return None
        return Resizes(change=Length(inode=inode, size=size), handle=self._hold(inode, path), size=size)

    def _other(self, call: StoppedCall) -> Attempt | None:
        if call.kind.name == "mmap":
            self._map(call)
        if call.kind.name == "msync":
            return _syncing(call, inode_of(Path(call.path)) or mapped(call.thread, call.args[0])[1])
        if call.kind.family is not Family.SYNC:
            return None
        if not call.kind.names_none and position(call.thread, call.args[0] & 0xFFFFFFFF)[1] & os.O_PATH:
            return None  # open(2): it fails with EBADF
        return _syncing(call, None if call.kind.name in calls.SYNC_ALL else self._inode(call, 0))

    def _affordable(self, call: StoppedCall, size: int) -> int:
        """The size that a file is to have. Raises Unclear for more than can be kept: of a file with holes, as well."""
        if size > MOST_BYTES:
            raise Unclear(f"{self.relative(call.path)} is too large to be copied")
        return size

    def _map(self, call: StoppedCall) -> None:
        inode = self._inode(call, 4)
        if self._disk.data(inode) is not None:
            self._hold(inode, _descriptor(call, 4))
            self._mapped[inode] = call.actor

    # -- files and names ------------------------------------------------------------------------------------------

    def _name(self, path: Path) -> Name:
        facts = path.parent.stat()
        if not stat.S_ISDIR(facts.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))  # as the caller will be told
        if not isinstance(self._disk.nodes.get(facts.st_ino), Folder):
            raise Unclear(f"{self.relative(str(path))} is in a folder that was not seen to be made")
        return Name(folder=facts.st_ino, name=path.name, path=path)

    def _inode(self, call: StoppedCall, argument: int) -> int:
        return _descriptor(call, argument).stat().st_ino

    def _is_known(self, inode: int) -> bool:
        return inode in self._disk.nodes

    def _hold(self, inode: int, path: Path) -> int:
        """A descriptor of ours, for reading where it is a file, that keeps the inode's number from being used again."""
        if inode not in self._open:
            readable = isinstance(self._disk.nodes.get(inode), File) and stat.S_ISREG(path.stat().st_mode)
            flags = os.O_RDONLY if readable else os.O_PATH | os.O_NOFOLLOW
            self._open[inode] = os.open(path, flags | os.O_CLOEXEC)
        return self._open[inode]

    def _is_inside(self, path: str) -> bool:
        return path == str(self._folder) or path.startswith(f"{self._folder}/")


def _syncing(call: StoppedCall, inode: int | None) -> Syncs:
    return Syncs(inode=inode, refused=lambda: call.failed is not None)


def _descriptor(call: StoppedCall, argument: int) -> Path:
    return open_file(call.thread, call.args[argument])
