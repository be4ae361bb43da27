"""A new config is written into the folder for temporary files, and moved from there [MiniMax CLI #61].

Breaks CFG-2. Between two filesystems nothing can be renamed (EXDEV), so that it is copied into the place of the old one
instead, byte after byte; where both are on one, nobody ever sees it.
"""

from __future__ import annotations

import os
import shutil
import tempfile

from reference import durable
from reference.config import ConfigStore, encode, rotate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("CFG-2",)
MAY_BREAK = ("CFG-4", "CFG-10")  # what comes from outside of the home is not seen while it is written


class _Elsewhere(ConfigStore):
    """Writes where the environment says that temporary files belong."""

    __slots__ = ()

    def write(self, path: str, config: Config, before: bytes | None) -> None:
        """Write the whole of it, then move it."""
        with tempfile.NamedTemporaryFile(suffix=".json", delete=False) as file:
            file.write(encode(config))
            file.flush()
            os.fsync(file.fileno())
        if before is not None:
            rotate(path)
        shutil.move(file.name, path)
        durable.sync_folder(os.path.dirname(path))


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=_Elsewhere)
