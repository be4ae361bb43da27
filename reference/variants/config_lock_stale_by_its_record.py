"""The config's lock is a file that says when it was made, and counts as left behind ten seconds later.

Breaks CFG-1. Whoever was stopped for so long, or whose machine slept, goes on beside the one that has removed its lock.
"""

from __future__ import annotations

import json
import os
import time

from reference.variants import config_lock_robbed_by_age as by_age

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CFG-1",)


def _made(lock: str) -> float:
    """What stands in the lock, in seconds since 1970; of one that is just being written or removed, now."""
    try:
        with open(lock, encoding="utf-8") as file:
            made: float = json.load(file)["createdAt"] / 1000
    except (FileNotFoundError, ValueError):
        return time.time()
    return made


class _FileLocked(by_age.FileLocked):
    __slots__ = ()

    def mark(self, descriptor: int) -> None:
        """Who has it, and since when."""
        os.write(descriptor, json.dumps({"pid": os.getpid(), "createdAt": round(time.time() * 1000)}).encode())

    def age(self, lock: str) -> float:
        """Seconds since it was made, by what it says."""
        return time.time() - _made(lock)


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=_FileLocked)
