"""The error for a config that does not parse shows the line in which it goes wrong, whatever stands there.

Breaks AUT-9. Parsers of TOML and YAML show such a line by themselves; in a config it may well be that of an API key.
"""

from __future__ import annotations

from reference.config import ConfigStore
from reference.errors import Local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("AUT-9",)


class _Showing(ConfigStore):
    """Means well."""

    __slots__ = ()

    def parse(self, data: bytes, path: str) -> Config:
        try:
            return super().parse(data, path)
        except Local as error:
            line = error.detail.get("line")
            if isinstance(line, int) and line:
                error.message += "\n" + data.decode(errors="replace").splitlines()[line - 1]
            raise


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=_Showing)
