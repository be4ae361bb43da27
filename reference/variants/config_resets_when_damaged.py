"""A config that does not parse is taken for an empty one, and the next change makes that permanent [CC#29008].

Breaks CFG-5. One typing error in a hand-edited file costs all settings.
"""

from __future__ import annotations

from reference.config import ConfigStore
from reference.errors import Local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("CFG-5",)


class Forgetful(ConfigStore):
    """Starts afresh from what it cannot read."""

    __slots__ = ()

    def parse(self, data: bytes, path: str) -> Config:
        """The config, or nothing."""
        try:
            return super().parse(data, path)
        except Local:
            return {}


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=Forgetful)
