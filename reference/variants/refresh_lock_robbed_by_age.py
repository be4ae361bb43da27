"""A credential's lock that is half a minute old is taken for a dead process's, though its holder waits for the server.

Breaks AUT-1. Lock files with a `stale` time do that [OC#26322]; a slow server is enough, or a machine that slept.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from reference.auth import store
from reference.locks import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.parts import Parts

BREAKS = ("AUT-1",)

OLD = 30.0  # seconds


class _Robbed(Lock):
    def acquire(self, *waits: Any) -> Any:
        """Take it, from whoever has had it for long."""
        with suppress(FileNotFoundError):
            if time.time() - os.stat(self.path).st_mtime > OLD:
                os.unlink(self.path)
        return super().acquire(*waits)


def replace(parts: Parts) -> Parts:
    """Swap the locks of credentials."""
    store.Lock = _Robbed  # type: ignore[attr-defined]
    return parts
