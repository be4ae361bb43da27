"""The config is written in place: readers and crashes find half a file [CC#28922, CC#29217, OC#70643].

Breaks CFG-2, CFG-3, CFG-10 and RES-1. Writers exclude each other, but nobody locks to read, and a kill between two
writes leaves what was written until then. So does a power cut, which may also keep the end without the beginning
[OC#88029].
"""

from __future__ import annotations

import os

from reference import durable
from reference.config import ConfigStore, backup_path, encode, rotate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("CFG-2", "CFG-3", "CFG-10", "RES-1")
MAY_BREAK = ("CFG-12",)  # a full disk leaves it empty, and nobody can tell then which agents there are


class InPlace(ConfigStore):
    """Opens the config itself for writing."""

    __slots__ = ()

    def write(self, path: str, config: Config, before: bytes | None) -> None:
        """Truncate, then write in two steps, as a buffered stream does with a large file."""
        data = encode(config)
        if before is not None:
            rotate(path)
            durable.replace(backup_path(path, 1), before)  # a second name of the file would be truncated too
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            durable.write_all(descriptor, data[: len(data) // 2])
            durable.write_all(descriptor, data[len(data) // 2 :])
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=InPlace)
