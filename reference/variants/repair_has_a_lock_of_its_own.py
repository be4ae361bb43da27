"""A repair of the config keeps out other repairs, and nobody else: it has a lock of its own.

Breaks OPS-6. An add that is at its write of the config ends well, and then the repair puts in its place what was there
before.
"""

from __future__ import annotations

from reference.commands import doctor
from reference.config import ConfigStore
from reference.locks import Lock
from reference.parts import Parts

BREAKS = ("OPS-6",)

_restore = doctor._restore


class _Store(ConfigStore):
    __slots__ = ()

    def lock(self, path: str) -> Lock:
        """The lock of repairs."""
        return Lock(self.home.lock("repair"), code="config-busy", what=path)


def _restore_beside_others(store: ConfigStore) -> None:
    _restore(_Store(store.home))


def replace(parts: Parts) -> Parts:
    """Swap the lock under which the config is restored."""
    doctor._restore = _restore_beside_others
    return parts
