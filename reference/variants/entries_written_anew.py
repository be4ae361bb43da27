"""Writing the config makes each agent's entry anew, of what the program knows.

Breaks CFG-6. Keys by themselves are kept; what a newer version or a person has set for one agent is lost.
"""

from __future__ import annotations

from reference.config import ConfigStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("CFG-6",)


class _Anew(ConfigStore):
    """Knows what an agent is."""

    __slots__ = ()

    def write(self, path: str, config: Config, before: bytes | None) -> None:
        """Write agents of known parts alone."""
        agents = {name: {"workspace": entry["workspace"]} for name, entry in config.get("agents", {}).items()}
        super().write(path, {**config, "agents": agents}, before)


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=_Anew)
