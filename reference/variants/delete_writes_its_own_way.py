"""A delete does not write the config as an add does: it truncates it, and writes back what it knows.

Breaks CFG-2, CFG-3, CFG-6 and CFG-10. No single thread: the care is taken where the first bug was reported, and the
command beside it keeps its old code.
"""

from __future__ import annotations

import os

from reference import durable
from reference.config import ConfigStore, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("CFG-2", "CFG-3", "CFG-6", "CFG-10")

_KNOWN = ("agents", "models", "providers", "limits")


class _Store(ConfigStore):
    """Replaces the file as long as no agent goes."""

    __slots__ = ()

    def write(self, path: str, config: Config, before: bytes | None) -> None:
        """Write a config that has lost an agent over the old one, under the lock."""
        old = {} if before is None else self.parse(before, path)
        if len(config.get("agents", {})) >= len(old.get("agents", {})):
            super().write(path, config, before)
            return
        data = encode({key: config[key] for key in _KNOWN if key in config})
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
        try:
            durable.write_all(descriptor, data)
        finally:
            os.close(descriptor)


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=_Store)
