"""The config is written by one write(2), and how much of it the kernel took is not asked.

Breaks RES-1. A disk that is nearly full takes the half of it, which then is put in place as if it were whole.
"""

from __future__ import annotations

import os

from reference import config, durable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("RES-1",)


def _write_once(descriptor: int, data: bytes) -> None:
    os.write(descriptor, data)


class _Store(config.ConfigStore):
    __slots__ = ()

    def write(self, path: str, config_: Config, before: bytes | None) -> None:
        """Put what was taken of the config in place."""
        write_all = durable.write_all
        durable.write_all = _write_once
        try:
            super().write(path, config_, before)
        finally:
            durable.write_all = write_all


def replace(parts: Parts) -> Parts:
    """Swap the store of the config."""
    return parts.replace(config_store=_Store)
