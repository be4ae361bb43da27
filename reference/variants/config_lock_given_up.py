"""Whoever has waited for the config's lock for five seconds goes on without it.

Breaks CFG-1. No single thread: a lock "that is probably stale" is how most waits end that cannot fail. The add that was
slow then overwrites the one that did not wait for it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from reference import config
from reference.errors import Busy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.config import Config
    from reference.deadline import Deadline
    from reference.parts import Parts

BREAKS = ("CFG-1",)
_SECONDS = 5.0


class _Store(config.ConfigStore):
    __slots__ = ()

    def change(self, edit: Callable[[Config], None], deadline: Deadline) -> Config:
        """Apply `edit`, under the lock if it can be had in time."""
        path = self.real_path()
        held: AbstractContextManager[object]
        try:
            held = self.lock(path).acquire(deadline.sooner(_SECONDS))
        except Busy:
            held = nullcontext()
        with held:
            before = self.contents(path)
            changed = {} if before is None else self.parse(before, path)
            edit(changed)
            self.write(path, changed, before)
        return changed


def replace(parts: Parts) -> Parts:
    """Swap the store of the config."""
    return parts.replace(config_store=_Store)
