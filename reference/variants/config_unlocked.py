"""Two adds at once: both succeed, one agent is lost [OC#43367, OC#79230].

Breaks CFG-1, CFG-8, CFG-9 and CFG-11. The config is read, changed and renamed into place without a lock: every
reader sees a whole file, and the last rename wins.
"""

from __future__ import annotations

from reference.config import ConfigStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.config import Config
    from reference.deadline import Deadline
    from reference.parts import Parts

BREAKS = ("CFG-1", "CFG-8", "CFG-9", "CFG-11")


class Unlocked(ConfigStore):
    """Changes the config without asking who else does."""

    __slots__ = ()

    def change(self, edit: Callable[[Config], None], deadline: Deadline) -> Config:
        """Read, edit, replace."""
        path = self.real_path()
        before = self.contents(path)
        config = {} if before is None else self.parse(before, path)
        edit(config)
        self.write(path, config, before)
        return config


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=Unlocked)
