"""The new config is renamed into place before its data are on the disk [edda#1190, weechat#1083, Ubuntu bug 317781].

Breaks CFG-10. Readers always see a whole file, and so does whoever comes after a kill; only a power cut shows that the
new name may be there before the data: the config is empty, cut short, or full of zeroes. The folder is synced, which on
most filesystems makes exactly the wrong half safe.
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


class Unsynced(ConfigStore):
    """Writes a temporary and renames it, and leaves the rest to the kernel."""

    __slots__ = ()

    def write(self, path: str, config: Config, before: bytes | None) -> None:
        """As `durable.replace`, but for the sync of the file."""
        folder, name = os.path.split(path)
        temporary = durable.temporary_name(folder, name)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            durable.write_all(descriptor, encode(config))
        finally:
            os.close(descriptor)
        if before is not None:
            rotate(path)
        os.rename(temporary, path)
        durable.sync_folder(folder)


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=Unsynced)
