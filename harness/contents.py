"""Reads a file that a target may have replaced by anything: never waits for it, and follows it nowhere strange."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

_NO_FILE = (errno.EISDIR, errno.ENXIO, errno.ELOOP, errno.EACCES)  # a folder, a socket, a ring of links, no permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What stands at a path."""

    data: bytes = b""
    mode: int | None = None  # its permissions; None where there is no regular file to be read
    exists: bool = True


def contents(path: Path, *, at_most: int = -1) -> Contents:
    """Read a regular file, or its first `at_most` bytes. Of anything else (a folder, a pipe) only that it is there."""
    try:
        # The opening of a pipe would wait for somebody who writes to it, and the harness with it.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                return Contents()
            return Contents(data=file.read(at_most), mode=stat.S_IMODE(facts.st_mode))
    except (FileNotFoundError, NotADirectoryError):
        return Contents(exists=False)
    except OSError as error:
        if error.errno in _NO_FILE:
            return Contents()
        raise
