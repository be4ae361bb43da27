"""Of a config the first document is read, and what follows it dropped with the next change.

Breaks CFG-5. Something has written a shorter config over a longer one, and which of the two is right is for a person
to say; a streaming reader never looks.
"""

from __future__ import annotations

import json

from reference.config import ConfigStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("CFG-5",)


class _Store(ConfigStore):
    __slots__ = ()

    def parse(self, data: bytes, path: str) -> Config:
        """The config, to the end of its first document."""
        try:
            _, end = json.JSONDecoder().raw_decode(data.decode())
        except ValueError:
            return super().parse(data, path)
        return super().parse(data.decode()[:end].encode(), path)


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=_Store)
