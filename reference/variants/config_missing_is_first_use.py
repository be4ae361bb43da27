"""A config that is gone is a first use, although its backups lie beside where it was.

Breaks OPS-6. The check-up says that all is well, the list of agents is empty, and the next change makes that permanent.
"""

from __future__ import annotations

from reference import config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("OPS-6",)


class Trusting(config.ConfigStore):
    """Asks for the file, and for nothing beside it."""

    __slots__ = ()

    def contents(self, path: str) -> bytes | None:
        """The file's bytes, or None. Raises OSError."""
        return config._bytes(path)


def replace(parts: Parts) -> Parts:
    """Swap the config store, of the check-up too."""
    config.ConfigStore = Trusting  # type: ignore[misc]
    return parts.replace(config_store=Trusting)
