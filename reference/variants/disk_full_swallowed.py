"""A write that fails is only logged: the command reports success, and nothing was done [OC#59196, OC#146424]."""

from __future__ import annotations

from reference import streams
from reference.config import ConfigStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("RES-1", "RES-2", "RES-3", "CFG-12")


class Careless(ConfigStore):
    """Takes whatever the system refuses for a trifle."""

    __slots__ = ()

    def write(self, path: str, config: Config, before: bytes | None) -> None:
        """Log what the system says, and go on."""
        try:
            super().write(path, config, before)
        except OSError as error:
            streams.write_diagnostics(f"reference: {path} could not be written: {error.strerror}")


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=Careless)
