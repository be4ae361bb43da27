"""A rest is noted without a lock: of two that are asked for at the same time one is forgotten.

Breaks FLO-5. The provider that had asked for it is asked again by the next turn.
"""

from __future__ import annotations

import json
import time

from reference import durable
from reference.cooldowns import Cooldowns, _rest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline
    from reference.errors import Retryable
    from reference.parts import Parts

BREAKS = ("FLO-5",)


class _Unlocked(Cooldowns):
    __slots__ = ()

    def record(self, key: str, error: Retryable, deadline: Deadline) -> None:
        """Read, add and replace."""
        if error.retry_after:
            now = time.time()
            entry = {"since": now, "until": now + error.retry_after, "code": error.code, "status": error.status}
            kept = {other: value for other, value in self._read().items() if _rest(other, value) is not None}
            document = {"version": 1, "cooldowns": {**kept, key: entry}}
            durable.replace(self.path, json.dumps(document).encode() + b"\n", 0o600)


def replace(parts: Parts) -> Parts:
    """Swap the cooldowns."""
    return parts.replace(cooldowns=_Unlocked)
