"""The config is written as everybody may read it, whatever its owner had made of that.

Breaks AUT-9. Keys of providers stand in it; a temporary that is renamed into place takes the permissions along.
"""

from __future__ import annotations

from reference import config, durable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("AUT-9",)


class _Store(config.ConfigStore):
    __slots__ = ()

    def write(self, path: str, config_: Config, before: bytes | None) -> None:
        """Put the config in place with the permissions of any new file."""
        rotate = None if before is None else lambda: config.rotate(path)
        durable.replace(path, config.encode(config_), 0o644, before_rename=rotate)


def replace(parts: Parts) -> Parts:
    """Swap the store of the config."""
    return parts.replace(config_store=_Store)
