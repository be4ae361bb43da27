"""Files that come into a recorded folder with something in them: made without a name, or beside the folder.

A file that is open without a name (O_TMPFILE, open(2)) is followed from the first call that names it. One that stands
beside the folder, as in TMPDIR, comes in by a rename or a link; until then it is only followed whether it was made in
the recording, and synced since it was written. What is read of it then counts as written at once, and as lost where no
sync had followed. What had been there before the recording is safe, as everything is that stood in the folder.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path

from harness.conductor.attempts import synced_by
from harness.conductor.calls import SYNC_ALL, Family
from harness.conductor.paths import AT_FDCWD, open_file, position
from harness.conductor.stopped import StoppedCall
from harness.powerloss.log import Bytes, Change, Sync, nameless

_ENTERS = frozenset({"rename", "renameat", "renameat2", "link", "linkat"})
_LINKS = frozenset({"link", "linkat"})
_TICK = 10_000_000  # nanoseconds: a file's times may be as much behind the clock


class Unclear(Exception):
    """A call may change the folder in a way that cannot be reproduced; the message says which."""


class _Data(Enum):
    """What is known of the data of a file beside the folder."""

    SAFE = "synced, or there is none yet"
    UNSAFE = "written since the file was made, and not synced"
    PARTLY = "some of it may be safe"


class Arrivals:
    """Those of one recording. `is_inside` tells of a path whether it is in the folder, `is_known` of an inode."""

    def __init__(
        self,
        is_inside: Callable[[str], bool],
        is_known: Callable[[int], bool],
        keep: Callable[[int, Path], int],
        most: int,
    ) -> None:
        """`keep` has an inode's number not used again, and gives a descriptor to read it; `most` bytes are read."""
        self._is_inside = is_inside
        self._is_known = is_known
        self._keep = keep
        self._most = most
        self._began = time.time_ns() - _TICK
        self._beside: dict[str, _Data] = {}  # by path

    def see(self, call: StoppedCall) -> None:
        """Take note of a call on files beside the folder, which is about to run. Raises OSError."""
        if call.kind.name in SYNC_ALL:
            self._beside = dict.fromkeys(self._beside, _Data.SAFE)
        elif call.paths and not any(self._is_inside(path) for path in call.paths):
            self._see_beside(call)

    def before(self, call: StoppedCall) -> Iterator[tuple[str, Change]]:
        """By which calls what has come about of a file of which the recording does not know and this call does.

        Raises Unclear; OSError.
        """
        if call.kind.name in _ENTERS:
            yield from self._entering(*call.paths)
        for operand in call.operands if call.kind.family in (Family.WRITE, Family.SYNC, Family.MAP) else ():
            if operand.descriptor != AT_FDCWD:
                yield from self._nameless(operand.path, open_file(call.thread, operand.descriptor))

    def _nameless(self, told: str, path: Path) -> Iterator[tuple[str, Change]]:
        facts = path.stat()
        if facts.st_nlink or not stat.S_ISREG(facts.st_mode) or self._is_known(facts.st_ino):
            return
        if facts.st_size:
            raise Unclear(f"{Path(told).name} has no name, and was not empty when it was first seen")
        yield from self._made(facts, path)

    def _made(self, facts: os.stat_result, path: Path) -> Iterator[tuple[str, Change]]:
        yield "openat", nameless(facts.st_ino, mode=stat.S_IMODE(facts.st_mode))
        self._keep(facts.st_ino, path)

    def _entering(self, old: str, new: str) -> Iterator[tuple[str, Change]]:
        """A file as it comes in. Nothing for one that does not, is not there, or has no name: `_nameless` has told."""
        if self._is_inside(old) or not self._is_inside(new) or not os.path.lexists(old) or old.startswith("/proc/"):
            return
        path, facts = Path(old), os.lstat(old)
        if self._is_known(facts.st_ino):
            return
        data = self._beside.get(old, _Data.SAFE if facts.st_mtime_ns < self._began else _Data.PARTLY)
        if data is _Data.PARTLY or not stat.S_ISREG(facts.st_mode) or facts.st_size > self._most:
            raise Unclear(f"{Path(new).name} came from outside")
        yield from self._made(facts, path)
        if facts.st_size:
            content = os.pread(self._keep(facts.st_ino, path), facts.st_size, 0)
            yield "write", Bytes(inode=facts.st_ino, offset=0, data=content)
        if data is _Data.SAFE:
            yield "fsync", Sync(inode=facts.st_ino)

    def _see_beside(self, call: StoppedCall) -> None:
        path, family = call.path, call.kind.family
        if call.kind.name in _ENTERS:  # what is linked has two names, and is followed by one alone
            moves = call.kind.name not in _LINKS
            self._beside[path] = self._beside.pop(call.paths[0], _Data.PARTLY) if moves else _Data.PARTLY
        elif family is Family.SYNC or (call.open_flags & os.O_CREAT and not os.path.lexists(path)):
            self._beside[path] = _Data.SAFE
        elif family in (Family.WRITE, Family.MAP) or call.open_flags & os.O_TRUNC or call.kind.name == "truncate":
            self._beside[path] = self._changed(call, self._beside.get(path, _Data.PARTLY))

    def _changed(self, call: StoppedCall, known: _Data) -> _Data:
        """What is known when the call has changed the file."""
        if known is _Data.PARTLY or call.kind.family is Family.MAP:
            return _Data.PARTLY
        descriptor = call.operands[-1].descriptor
        is_open = call.kind.family is Family.WRITE
        held = (open_file(call.thread, descriptor) if is_open else Path(call.path)).stat().st_size
        if not (is_open or held):
            return known  # what is empty is cut
        flags = position(call.thread, descriptor)[1] if is_open else 0
        if synced_by(flags, call.args[5] if call.kind.name == "pwritev2" else 0):
            return known
        return _Data.PARTLY if known is _Data.SAFE and held else _Data.UNSAFE
