"""A session's lock that was made half an hour ago, by what it says, counts as left behind, dead or alive.

Breaks LCK-4 and LCK-5. Long turns are robbed of their session, and as there is no fencing, both write to it.
"""

from __future__ import annotations

import time

from reference.variants._pidfile import PidFileLock
from reference.variants.transcript_unfenced import Unfenced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.parts import Parts

BREAKS = ("LCK-4", "LCK-5")

STALE_SECONDS = 1800.0


class _Stale(PidFileLock):
    def is_held(self, record: dict[str, Any]) -> bool:
        """Whether the holder lives, and has not had it for too long."""
        return super().is_held(record) and time.time() - float(record["since"]) < STALE_SECONDS


def replace(parts: Parts) -> Parts:
    """Swap the session lock, and take the fence away."""
    return parts.replace(session_lock=_Stale, transcript=Unfenced)
