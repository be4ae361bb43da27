"""The config's lock is a file that counts as left behind after ten seconds, whether its owner lives or not [OMP#4098].

Breaks CFG-1. Whoever was stopped for so long, or whose machine slept, goes on beside the one that has removed its lock.
"""

from __future__ import annotations

import os
import time

from reference.config import ConfigStore
from reference.errors import Busy
from reference.home import make_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.config import Config
    from reference.deadline import Deadline
    from reference.parts import Parts

BREAKS = ("CFG-1",)

STALE_SECONDS = 10.0
_PAUSE = 0.01


class FileLocked(ConfigStore):
    """Locks by a file that is made and removed. How old a lock is, is what variants differ in."""

    __slots__ = ()

    def change(self, edit: Callable[[Config], None], deadline: Deadline) -> Config:
        """Read, edit and replace under a lock that is a file."""
        path = self.real_path()
        make_private(os.path.join(os.path.dirname(path), "locks"))
        lock = os.path.join(os.path.dirname(path), "locks", "config.exclusive")
        self._take(lock, deadline.sooner(STALE_SECONDS))
        try:
            before = self.contents(path)
            config = {} if before is None else self.parse(before, path)
            edit(config)
            self.write(path, config, before)
        finally:
            _remove(lock)
        return config

    def mark(self, descriptor: int) -> None:
        """Write into a lock that was just made; nothing."""

    def age(self, lock: str) -> float:
        """How many seconds old a lock is, by the times of its file."""
        try:
            return time.time() - os.stat(lock).st_mtime
        except FileNotFoundError:
            return 0.0

    def _take(self, lock: str, deadline: Deadline) -> None:
        while True:
            try:
                descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            except FileExistsError:
                if self.age(lock) > STALE_SECONDS:
                    _remove(lock)
                elif deadline.passed():
                    raise Busy("config-busy", f"{lock} is there", detail={"lock": lock}) from None
                else:
                    time.sleep(_PAUSE)
            else:
                self.mark(descriptor)
                os.close(descriptor)
                return


def _remove(lock: str) -> None:
    try:
        os.unlink(lock)
    except FileNotFoundError:
        return


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=FileLocked)
