"""What a path means that a stopped caller gave: absolute, and its folder without links, as the caller sees them."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

AT_FDCWD = 0xFFFFFF9C  # as a 32-bit register holds it
_MOST_LINKS = 40  # path_resolution(7)
REMOVED = " (deleted)"  # what stands behind a name that is gone: proc_pid_fd(5)

_steady = [
    f"{folder}/"
    for folder in dict.fromkeys(("/usr", "/lib", "/lib64", "/etc", sys.base_prefix, sys.prefix))
    if not tempfile.gettempdir().startswith(folder)
]
_known: dict[tuple[str, bool], str] = {}


def keep_steady(folder: Path) -> None:
    """A program is installed here: nobody changes a link below it during a run, so what a path means is found once.

    A program opens its own files by the thousand, and each would take three calls of ours.
    """
    prefix = f"{folder}/"
    if prefix not in _steady:
        _steady.append(prefix)


def absolute(thread: int, directory: int, name: str, *, follows: bool) -> str:
    """The path that `name` is to this thread, from a directory descriptor of its own. Raises OSError.

    With `follows`, a link in the last component is followed too.
    """
    if (known := _known.get((name, follows))) is not None:
        return known
    path = _absolute(thread, directory, name, follows=follows)
    if _is_steady(name) and _is_steady(path):
        _known[name, follows] = path
    return path


def of_descriptor(thread: int, descriptor: int) -> str:
    """What a descriptor of the caller, or its working directory, is called. Raises OSError with EBADF for none."""
    link = f"/proc/{thread}/cwd" if descriptor == AT_FDCWD else f"/proc/{thread}/fd/{descriptor}"
    try:
        path = os.readlink(link)  # noqa: PTH115 - asked for every stopped call
        return _other_name(link, path) if path.endswith(REMOVED) else path
    except FileNotFoundError as error:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from error


def open_file(thread: int, argument: int) -> Path:
    """Where the open file stands that a call's argument is the descriptor of; the kernel looks at 32 bits of it."""
    return Path(f"/proc/{thread}/fd/{argument & 0xFFFFFFFF}")


def _other_name(link: str, path: str) -> str:
    """What a file is called by now whose name at its opening is gone, or that was opened without one (O_TMPFILE).

    The kernel goes on to tell that name. Another one is looked for in the same folder; without one it is as told.
    """
    facts = os.stat(link)  # noqa: PTH116 - of the open file, whatever its name
    if facts.st_nlink and not stat.S_ISDIR(facts.st_mode):
        with suppress(OSError), os.scandir(os.path.dirname(path)) as entries:  # noqa: PTH120
            names = [entry.path for entry in entries if entry.inode() == facts.st_ino]
            return min(names, default=path)
    return path


def position(thread: int, descriptor: int) -> tuple[int, int]:
    """Where a descriptor of the caller stands, and its flags: pos and flags of fdinfo (proc(5)). Raises OSError."""
    text = Path(f"/proc/{thread}/fdinfo/{descriptor}").read_text(encoding="ascii")
    facts = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(facts["pos"]), int(facts["flags"], 8)


def lost_name(thread: int, descriptor: int) -> str:
    """The name that an open file of the caller had, and has no more; "" for one that has it. Raises OSError."""
    path = os.readlink(f"/proc/{thread}/fd/{descriptor}")  # noqa: PTH115 - asked for every stopped call
    return path.removesuffix(REMOVED) if path.endswith(REMOVED) else ""


def mapped(thread: int, address: int) -> tuple[str, int]:
    """The file that is mapped at an address of the caller, and its inode. Raises OSError with EFAULT for none."""
    lines = os.fsdecode(Path(f"/proc/{thread}/maps").read_bytes()).split("\n")  # a name may hold other ends of lines
    for line in lines:
        area, *_, inode, path = f"{line} ".split(" ", 5) if line else ("", "0", "")
        start, _, end = area.partition("-")
        if inode != "0" and int(start, 16) <= address < int(end, 16):
            return path[:-1].lstrip(" ").replace("\\012", "\n"), int(inode)
    raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))


def links(thread: int, directory: int, name: str, *, follows: bool) -> Iterator[str]:
    """The links that `name` leads through, as it is to this thread; each by its own path. Raises OSError."""
    place = "" if name.startswith("/") else of_descriptor(thread, directory)
    rest, left = name.split("/")[::-1], _MOST_LINKS
    while rest and left:
        part = rest.pop()
        if part == "..":
            place = place.rpartition("/")[0]
        elif part not in ("", "."):
            place, folder = f"{place}/{part}", place
            if (rest or follows) and (target := _target(place)) is not None:
                yield place
                place, left = "" if target.startswith("/") else folder, left - 1
                rest += target.split("/")[::-1]


def _target(path: str) -> str | None:
    """Where a link leads; None for what is none."""
    try:
        return os.readlink(path)  # noqa: PTH115 - as above
    except OSError:
        return None


def _is_steady(path: str) -> bool:
    return path.startswith(tuple(_steady))


def _absolute(thread: int, directory: int, name: str, *, follows: bool) -> str:
    start = "" if name.startswith("/") else of_descriptor(thread, directory)
    for own in ("/proc/self", "/proc/thread-self"):  # these mean the caller, not us
        if name == own or name.startswith(own + "/"):
            name = f"/proc/{thread}{name.removeprefix(own)}"
    folder, slash, last = name.rpartition("/")
    if last in ("", ".", ".."):
        return os.path.realpath(f"{start}/{name}" if start else name)
    whole = f"{start}/{folder}" if start else folder or "/"
    parent = start if start and not slash else _real_folder(whole)  # the kernel's own name of a folder has no links
    path = f"{parent.rstrip('/')}/{last}"
    return os.path.realpath(path) if follows and os.path.islink(path) else path  # noqa: PTH114


def _real_folder(name: str) -> str:
    """A folder's name without links. Asked of the kernel: os.path.realpath takes a call for each component."""
    try:
        descriptor = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return os.path.realpath(name)
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - asked for every stopped call
    finally:
        os.close(descriptor)
