"""A reader that cannot have the config's lock goes on as if there were no config [PI#6880, PI#1875].

Breaks CFG-7 and CFG-9. It tries for a fifth of a second, which is always enough as long as nobody else is busy.
"""

from __future__ import annotations

from reference.config import ConfigStore
from reference.deadline import Deadline
from reference.errors import Busy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.config import Config
    from reference.parts import Parts

BREAKS = ("CFG-7",)
MAY_BREAK = ("CFG-9",)

_PATIENCE = 0.2  # seconds


class _Locking(ConfigStore):
    """Locks to read, although the file is only ever replaced whole."""

    __slots__ = ()

    def read(self) -> Config:
        """The config now; empty before first use, and when somebody else is writing it."""
        path = self.real_path()
        if self.contents(path) is None:
            return super().read()
        try:
            with self.lock(path).acquire(Deadline.after(_PATIENCE)):
                return super().read()
        except Busy:
            return {}


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=_Locking)
