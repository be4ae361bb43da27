"""The config's lock is named after the path by which the command reaches it [FA#526].

Breaks CFG-11. A symbolic link to the state directory, or a config that is one, leads to the same file and to another
lock.
"""

from __future__ import annotations

import hashlib
import os
import tempfile

from reference.config import ConfigStore
from reference.home import make_private
from reference.locks import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CFG-11",)


class _ByPath(ConfigStore):
    """Keeps its locks in a folder for all state directories, by the hash of a path."""

    __slots__ = ()

    def lock(self, path: str) -> Lock:
        """The lock of this way to the config."""
        folder = os.path.join(tempfile.gettempdir(), "locks")
        make_private(folder)
        name = hashlib.sha256(self.path.encode()).hexdigest()
        return Lock(os.path.join(folder, f"{name}.lock"), code="config-busy", what=path)


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=_ByPath)
