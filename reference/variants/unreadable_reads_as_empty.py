"""A config that cannot be opened reads as an empty one, and the next add writes it anew without the agents [OC#96469].

There it was EACCES on a config that root had taken over [also OC#24997]; any other errno of an open does as well.
"""

from __future__ import annotations

from reference.config import ConfigStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("RES-2", "RES-3")


class Forgetful(ConfigStore):
    """Takes every error of an open for "no such file"."""

    __slots__ = ()

    def contents(self, path: str) -> bytes | None:
        """The file's bytes, None when they cannot be had."""
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError:
            return None


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=Forgetful)
