"""What this version does not know is gone after the first change [CX#42116].

Breaks CFG-6. The file is read into the fields that the program knows and written back from them; settings
of a newer version, of a plug-in, or of the user are lost.
"""

from __future__ import annotations

from reference.config import ConfigStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("CFG-6",)

_KNOWN = ("agents", "models", "providers", "limits")


class Narrow(ConfigStore):
    """Keeps what it knows."""

    __slots__ = ()

    def parse(self, data: bytes, path: str) -> Config:
        """The known fields of the config and of each agent."""
        config = super().parse(data, path)
        known = {key: config[key] for key in _KNOWN if key in config}
        if "agents" in known:
            known["agents"] = {name: {"workspace": a["workspace"]} for name, a in known["agents"].items()}
        return known


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=Narrow)
