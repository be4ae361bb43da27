"""A pipe on a command's standard output, whose reader is slow, or goes away: a file, usual here, is neither."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

_AT_ONCE = 64 << 10  # bytes: what a pipe holds (pipe(7))


class Pipe:
    """Made before the command is started, so that this has somebody to write to; nobody reads until `read_on`."""

    def __init__(self, kept: Path) -> None:
        self.path = kept.with_name(f"{kept.name}.pipe")
        self._kept = kept
        os.mkfifo(self.path)
        self._reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def read_on(self) -> None:
        """Read whatever comes from now on, and keep it. The command may have ended: then all of it was read."""
        if self._reader >= 0:
            asyncio.get_running_loop().add_reader(self._reader, self._read)

    def read_rest(self) -> None:
        """Take what a command that has ended has left, and go away."""
        while self._reader >= 0 and self._read():
            pass
        self.leave()

    def leave(self) -> None:
        """Go away, whatever still comes: who writes from now on gets SIGPIPE. Harmless when that was done."""
        if self._reader < 0:
            return
        asyncio.get_running_loop().remove_reader(self._reader)
        os.close(self._reader)
        self._reader = -1

    def _read(self) -> bool:
        """Whether anything was there."""
        try:
            data = os.read(self._reader, _AT_ONCE)
        except BlockingIOError:
            return False
        if not data:  # the end, which would be told of for ever
            asyncio.get_running_loop().remove_reader(self._reader)
        with self._kept.open("ab") as file:
            file.write(data)
        return bool(data)
