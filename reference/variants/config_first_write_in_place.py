"""The first config is written where it is to lie, as there is nothing yet that could be lost.

Breaks CFG-2: who reads meanwhile, as every other first command does, finds a file that is empty or cut. No single
thread.
"""

from __future__ import annotations

from reference.config import ConfigStore, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("CFG-2",)


class _Store(ConfigStore):
    __slots__ = ()

    def write(self, path: str, config: Config, before: bytes | None) -> None:
        """Put the config in place; with care only where there is one."""
        if before is not None:
            super().write(path, config, before)
            return
        with open(path, "wb") as file:
            file.write(encode(config))


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=_Store)
