"""Who has a flock on an open file, by looking only.

/proc/locks names a file by its filesystem's own device and inode (proc_locks(5)), which on some (btrfs, overlayfs) are
not what stat(2) says; the mount's entry in mountinfo and the description's fdinfo say them as it does. Inside a pid
namespace it keeps silent about locks whose taker has ended, as that of `flock 9` in a shell has: there the open files
of all processes are looked through.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

_FIRST_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO of the kernel's linux/proc_ns.h
_KIND, _MODE, PID, FILE = 1, 3, 4, 5  # words of a line in /proc/locks; that of a waiter has "->" for its kind


def others_hold(process: int, descriptor: int, modes: Collection[str]) -> bool:
    """Whether another open file description than this one has a flock of one of the modes ("READ", "WRITE").

    Raises:
        OSError: the process is gone, or its file closed.
    """
    info = _read(f"/proc/{process}/fdinfo/{descriptor}")
    own = [mode for mode in _modes(info) if mode in modes]
    held = [words for words in _flocks(_read("/proc/locks")) if words[_MODE] in modes]
    if len(held) <= len(own) and not _some_are_hidden():
        return False  # as nearly always, and without a look at the file
    file = Path(f"/proc/{process}/fd/{descriptor}").stat()
    name = _name(process, info, file)
    if len([words for words in held if words[FILE] == name]) > len(own):
        return True
    return not own and _some_are_hidden() and any(mode in modes for mode in _looked_for(file))


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


def held_on(files: Collection[str]) -> Iterator[tuple[str, ...]]:
    """The lines of /proc/locks on these files, each without its number, of those who have a lock, not of who waits."""
    return (words for words in _held(_read("/proc/locks")) if words[FILE] in files)


def _read(path: str) -> str:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - asked at each lock's call, where Path takes thrice as long
        return file.read().decode()


def _held(text: str) -> Iterator[tuple[str, ...]]:
    lines = (line.split() for line in text.splitlines())
    return (("", *words[1:]) for words in lines if words[_KIND] != "->")


def _flocks(text: str) -> Iterator[tuple[str, ...]]:
    return (words for words in _held(text) if words[_KIND] == "FLOCK")


def _modes(info: str) -> list[str]:
    """The modes of the locks that an fdinfo lists: those of its own description."""
    lines = (line.removeprefix("lock:") for line in info.splitlines() if line.startswith("lock:"))
    return [words[_MODE] for words in _flocks("\n".join(lines))]


def _name(process: int, info: str, file: os.stat_result) -> str:
    return f"{_device(process, info, file)}:{_value(info, 'ino:') or file.st_ino}"  # fdinfo has it since Linux 5.14


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
