"""The rename of the new config is not made safe: an acknowledged agent is gone [nebula-mesh#250, daintree#6053].

Breaks CFG-10. The data are synced and every file is whole at any time, but the folder is not synced after the rename:
a power cut may bring the old config back after the command has exited 0. Programs that write files with care make this
mistake too (Pillai et al., OSDI 2014, table 3).
"""

from __future__ import annotations

import os

from reference import durable
from reference.config import ConfigStore, encode, rotate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("CFG-10",)


class FolderUnsynced(ConfigStore):
    """Writes a temporary, syncs it, renames it, and takes that for durable."""

    __slots__ = ()

    def write(self, path: str, config: Config, before: bytes | None) -> None:
        """As `durable.replace`, but for the sync of the folder."""
        folder, name = os.path.split(path)
        temporary = durable.temporary_name(folder, name)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            durable.write_all(descriptor, encode(config))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if before is not None:
            rotate(path)
        os.rename(temporary, path)


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=FolderUnsynced)
