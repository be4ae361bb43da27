"""Who has a flock on an open file, by looking only.

/proc/locks names a file by its filesystem's own device and inode (proc_locks(5)), which on some (btrfs, overlayfs) are
not what stat(2) says; the mount's entry in mountinfo and the description's fdinfo say them as it does. Inside a pid
namespace it keeps silent about locks whose taker has ended, as that of `flock 9` in a shell has: there the open files
of all processes are looked through.
"""

from __future__ import annotations

import math
import os
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from harness.errors import LabError

_RECORDS = ("POSIX", "OFDLCK")
_FIRST_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO of the kernel's linux/proc_ns.h
# Words of a line in /proc/locks; that of a waiter has "->" for its kind.
_KIND, _MODE, PID, FILE, _FIRST, _LAST = 1, 3, 4, 5, 6, 7
_PAGE, _SHORT = 4096, 2048  # bytes: the most that one read gives; if it gives less than that, there was no more
_AGREE = 3  # readings
_MOST = 1000  # readings, a tenth of a second or so: a machine on which these do not agree has something else to do

Words = tuple[str, ...]


def others_hold(process: int, descriptor: int, modes: Collection[str]) -> bool:
    """Whether another open file description than this one has a flock of one of the modes ("READ", "WRITE").

    Raises:
        OSError: the process is gone, or its file closed.
    """
    info = _read(f"/proc/{process}/fdinfo/{descriptor}")
    file = Path(f"/proc/{process}/fd/{descriptor}").stat()
    own = [mode for mode in _modes(info) if mode in modes]
    number = f":{_inode(info, file)}"
    held = [words for words in _held(lambda name: name.endswith(number)) if _is_flock(words) and words[_MODE] in modes]
    if len(held) <= len(own) and not _some_are_hidden():
        return False  # as nearly always, and without a look at the mounts
    name = _name(process, info, file)
    if len([words for words in held if words[FILE] == name]) > len(own):
        return True
    return not own and _some_are_hidden() and any(mode in modes for mode in _looked_for(file))


def has_flock(process: int, descriptor: int) -> bool:
    """Whether this open file description has a flock. Raises OSError when the process or the file is gone."""
    return bool(_modes(_read(f"/proc/{process}/fdinfo/{descriptor}")))


def others_hold_record(
    process: int, descriptor: int, kind: str, modes: Collection[str], first: int, last: float
) -> bool:
    """Whether anybody else has a record lock of one of the modes on a byte from `first` to `last`.

    `kind` says whose the caller's own are: "POSIX" for those of its process, "OFDLCK" for those of the description.

    Raises:
        OSError: the process is gone, or its file closed.
    """
    info = _read(f"/proc/{process}/fdinfo/{descriptor}")
    name = _name(process, info, Path(f"/proc/{process}/fd/{descriptor}").stat())
    held = Counter(
        words
        for words in held_on([name])
        if words[_KIND] in _RECORDS and words[_MODE] in modes and int(words[_FIRST]) <= last and first <= _end(words)
    )
    return bool(held - Counter(words for words in _own(info) if words[_KIND] == kind))


def name_in_locks(process: int, descriptor: int) -> str:
    """An open file as /proc/locks names it: "fe:00:2334939". Raises OSError when the process or the file is gone."""
    info = _read(f"/proc/{process}/fdinfo/{descriptor}")
    return _name(process, info, Path(f"/proc/{process}/fd/{descriptor}").stat())


def file_in_locks(path: Path) -> str:
    """A file as /proc/locks names it; "" for one that has gone meanwhile, and for what is no file."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return name_in_locks(os.getpid(), descriptor) if stat.S_ISREG(os.fstat(descriptor).st_mode) else ""
    finally:
        os.close(descriptor)


def held_on(files: Collection[str]) -> list[Words]:
    """The lines of /proc/locks on these files, each without its number, of those who have a lock, not of who waits."""
    return _held(lambda name: name in files)


def _held(wanted: Callable[[str], bool]) -> list[Words]:
    """The same of the files whose names there are wanted.

    One read(2) shows one moment, but at most a page of it. What others lock and unlock until the next read moves the
    lines behind: some are left out, some come twice. So a longer text is read until several readings agree.

    Raises LabError when they do not: who would wait for whom cannot be told then.
    """
    seen: list[list[Words]] = []
    while len(seen) < _MOST:
        text, rest = _two_reads()
        whole = len(text) < _SHORT and b"->" not in rest  # a lock comes with all who wait for it, in one piece
        seen.append(sorted(w for w in _lines((text if whole else text + rest).decode()) if wanted(w[FILE])))
        if whole or (len(seen) >= _AGREE and all(reading == seen[-1] for reading in seen[-_AGREE:])):
            return seen[-1]
    raise LabError(
        f"/proc/locks was read {_MOST} times, and {_AGREE} readings in a row were never the same",
        hint="programs outside this run lock the same files again and again: end them, and run it again",
    )


def _two_reads() -> tuple[bytes, bytes]:
    """What stands in /proc/locks: what the first read gives, and all others."""
    with open("/proc/locks", "rb", buffering=0) as file:  # noqa: PTH123 - asked at each lock; Path takes thrice as long
        return file.read(_PAGE) or b"", file.read()


def _read(path: str) -> str:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as above
        return file.read().decode()


def _lines(text: str) -> Iterator[Words]:
    lines = (line.split() for line in text.splitlines())
    return (("", *words[1:]) for words in lines if words[_KIND] != "->")


def _is_flock(words: Words) -> bool:
    return words[_KIND] == "FLOCK"


def _end(words: Words) -> float:
    """The last byte of a record lock."""
    return math.inf if words[_LAST] == "EOF" else int(words[_LAST])


def _own(info: str) -> Iterator[Words]:
    """The locks that an fdinfo lists, as /proc/locks does: those of its description, and its process' record locks."""
    return _lines("\n".join(line.removeprefix("lock:") for line in info.splitlines() if line.startswith("lock:")))


def _modes(info: str) -> list[str]:
    """The modes of the flocks that an fdinfo lists."""
    return [words[_MODE] for words in _own(info) if _is_flock(words)]


def _name(process: int, info: str, file: os.stat_result) -> str:
    return f"{_device(process, info, file)}:{_inode(info, file)}"


def _inode(info: str, file: os.stat_result) -> str:
    return _value(info, "ino:") or str(file.st_ino)  # fdinfo has it since Linux 5.14


def _value(info: str, name: str) -> str:
    return next((line.removeprefix(name).strip() for line in info.splitlines() if line.startswith(name)), "")


def _device(process: int, info: str, file: os.stat_result) -> str:
    """The device of the mount that an fdinfo names, as /proc/locks writes it; the file's own when that is elsewhere."""
    for line in _read(f"/proc/{process}/mountinfo").splitlines():
        number, _, device, *_ = line.split()
        if number == _value(info, "mnt_id:"):
            major, _, minor = device.partition(":")
            return f"{int(major):02x}:{int(minor):02x}"
    return f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}"  # of another mount namespace


@cache
def _some_are_hidden() -> bool:
    return str(Path("/proc/self/ns/pid").readlink()) != _FIRST_NAMESPACE


def _looked_for(file: os.stat_result) -> Iterator[str]:
    """The modes of the locks that any process' open files have on the file."""
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # somebody else's, or gone meanwhile
            if os.path.samestat(descriptor.stat(), file):
                yield from _modes(_read(f"{descriptor.parents[1]}/fdinfo/{descriptor.name}"))
