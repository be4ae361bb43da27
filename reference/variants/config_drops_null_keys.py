"""Keys of the config whose value is null are left out when it is written.

Breaks CFG-6. Serializers that know types leave out what is empty ("omitempty"), also where a key is another program's,
to which null may mean "none", and an absent key the default.
"""

from __future__ import annotations

from reference.config import ConfigStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("CFG-6",)


class _Terse(ConfigStore):
    __slots__ = ()

    def write(self, path: str, config: Config, before: bytes | None) -> None:
        """Write what has a value."""
        super().write(path, {key: value for key, value in config.items() if value is not None}, before)


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=_Terse)
