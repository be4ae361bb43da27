"""Everybody writes the config through the same temporary file, and nobody locks [GEM#22583].

Breaks CFG-1, CFG-4, CFG-8, CFG-9 and CFG-11. One command's rename takes what another is still writing; the other finds
that its file has gone. Written for a program that is alone, it reads well: temporary, sync, rename.
"""

from __future__ import annotations

import os

from reference import durable
from reference.config import encode
from reference.variants.config_unlocked import Unlocked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("CFG-4",)
MAY_BREAK = ("CFG-1", "CFG-8", "CFG-9", "CFG-11")


class _OneTemporary(Unlocked):
    """Names the temporary after the config alone."""

    __slots__ = ()

    def write(self, path: str, config: Config, before: bytes | None) -> None:
        """Write beside the config, then rename."""
        temporary = f"{path}.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            durable.write_all(descriptor, encode(config))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(temporary, path)
        durable.sync_folder(os.path.dirname(path))


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=_OneTemporary)
