"""Where the filesystem knows no locks, as some shares do, the config is changed without one.

Breaks CFG-1. Nobody is told: two adds at the same time both succeed, and one of them is gone.
"""

from __future__ import annotations

import errno

from reference.config import ConfigStore
from reference.deadline import Deadline
from reference.locks import Lock
from reference.parts import Parts

BREAKS = ("CFG-1",)

_UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


class _Lock(Lock):
    """A lock that is not missed where there is none."""

    __slots__ = ()

    def acquire(self, deadline: Deadline) -> Lock:
        """Wait for the lock, if there are locks. Raises Busy, OSError."""
        try:
            return super().acquire(deadline)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
        return self


class _Store(ConfigStore):
    """Changes the config under such a lock."""

    __slots__ = ()

    def lock(self, path: str) -> Lock:
        """The same lock, by another class."""
        usual = super().lock(path)
        return _Lock(usual.path, code=usual.code, what=usual.what)


def replace(parts: Parts) -> Parts:
    """Swap the config store."""
    return parts.replace(config_store=_Store)
