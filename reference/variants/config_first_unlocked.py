"""Whoever finds no config takes no lock, as there is nothing yet that could be lost.

Breaks CFG-1. Several first commands find none at the same time, and each writes one with its own agent alone: the
first use of a program is a script that adds them all at once [OC#79230].
"""

from __future__ import annotations

from reference.config import ConfigStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.config import Config
    from reference.deadline import Deadline
    from reference.parts import Parts

BREAKS = ("CFG-1",)


class _Store(ConfigStore):
    __slots__ = ()

    def change(self, edit: Callable[[Config], None], deadline: Deadline) -> Config:
        """Apply `edit`; under the lock only where there is a config. Raises what the lock and the file raise."""
        path = self.real_path()
        if self.contents(path) is not None:
            return super().change(edit, deadline)
        config: Config = {}
        edit(config)
        self.write(path, config, None)
        return config


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=_Store)
