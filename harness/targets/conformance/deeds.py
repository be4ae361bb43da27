"""What an adapter does to the machine while it should only translate: files it changes, processes, connections.

Python tells an audit hook of each such deed (PEP 578). A hook cannot be taken off again, so one is installed at the
first use, and does nothing outside `watched`. Extension modules that call the kernel themselves are not seen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Each audit event that changes files, and which of its arguments are paths.
_CHANGES: dict[str, tuple[int, ...]] = {
    "os.mkdir": (0,), "os.rmdir": (0,), "os.remove": (0,), "os.truncate": (0,), "os.chmod": (0,), "os.chown": (0,),
    "os.utime": (0,), "os.rename": (0, 1), "os.link": (1,), "os.symlink": (1,), "sqlite3.connect": (0,),
}  # fmt: skip
_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn")
_CONNECTS = ("socket.connect", "socket.getaddrinfo", "socket.sendto")


class Deeds:
    """What was done while somebody watched."""

    def __init__(self) -> None:
        self.changed: list[Path] = []
        self.started: list[str] = []
        self.connected: list[str] = []

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
            self._change(arguments[0])
        elif event in _CHANGES:
            for number in _CHANGES[event]:
                self._change(arguments[number])
        elif event in _STARTS:
            self.started.append(f"{event} {arguments[0] if arguments else ''}".strip())
        elif event in _CONNECTS:
            self.connected.append(f"{event} {arguments[-1] if event == 'socket.connect' else arguments[0]}")

    def outside(self, *allowed: Path) -> list[Path]:
        """The changed files that are in none of these folders; compiled Python and devices count for nothing."""
        folders = [Path(os.path.realpath(folder)) for folder in allowed]
        return [
            path
            for path in dict.fromkeys(self.changed)
            if "__pycache__" not in path.parts
            and not any(path.is_relative_to(folder) for folder in folders)
            and not _is_device(path)
        ]

    def _change(self, path: object) -> None:
        if isinstance(path, str) and path.startswith("file:"):  # SQLite's, which may open for reading alone
            address = urlsplit(path)
            if {"mode=ro", "immutable=1"} & set(address.query.split("&")):
                return
            path = unquote(address.path)
        if isinstance(path, str | bytes | os.PathLike):  # else a descriptor: its opening was seen
            text = os.fsdecode(path)
            self.changed.append(Path(os.path.realpath(Path(text).parent), Path(text).name))


def _is_device(path: Path) -> bool:
    """Whether this is a device, and no file in memory (shm_overview(7))."""
    return path.is_relative_to("/dev") and not path.is_relative_to("/dev/shm")


_watching: list[Deeds] = []


@contextmanager
def watched() -> Iterator[Deeds]:
    """Note what this thread's code does inside."""
    _install()
    deeds = Deeds()
    _watching.append(deeds)
    try:
        yield deeds
    finally:
        _watching.remove(deeds)


@cache
def _install() -> None:
    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        for deeds in tuple(_watching):
            deeds.note(event, arguments)

    sys.addaudithook(hook)
