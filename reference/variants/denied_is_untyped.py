"""Whatever the system denies ends as an error that nobody foresaw, without path or code [OC#127703]."""

from __future__ import annotations

from reference.config import ConfigStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("RES-2",)


class Unprepared(ConfigStore):
    """Knows no error but a damaged file."""

    __slots__ = ()

    def write(self, path: str, config: Config, before: bytes | None) -> None:
        """Lose what the system said."""
        try:
            super().write(path, config, before)
        except OSError as error:
            if error.errno in (13, 30):  # EACCES, EROFS
                raise RuntimeError("failed to save config") from None
            raise


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=Unprepared)
