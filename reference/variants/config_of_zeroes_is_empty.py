"""A config of zeroes is taken for one that has nothing in it yet, and the next change makes that permanent.

Breaks CFG-5. That is what a power cut leaves of a file whose length was on the disk before its bytes; the backup beside
it is whole.
"""

from __future__ import annotations

from reference.config import ConfigStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("CFG-5",)


class _Store(ConfigStore):
    __slots__ = ()

    def parse(self, data: bytes, path: str) -> Config:
        """The config, or nothing."""
        return super().parse(data, path) if data.strip(b"\0 \n") or not data.strip() else {}


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=_Store)
