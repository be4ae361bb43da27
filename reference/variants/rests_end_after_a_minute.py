"""No provider rests for more than a minute, whatever it asked for: more is taken for a mistake [JC#1183].

Breaks FLO-5. A provider whose limit is one of an hour is asked again each minute.
"""

from __future__ import annotations

from reference.cooldowns import Cooldowns
from reference.deadline import Deadline
from reference.errors import Retryable
from reference.parts import Parts

BREAKS = ("FLO-5",)

LONGEST = 60.0  # seconds


class _Cooldowns(Cooldowns):
    __slots__ = ()

    def record(self, key: str, error: Retryable, deadline: Deadline) -> None:
        """As much of it as is believed."""
        error.retry_after = min(error.retry_after or 0.0, LONGEST)
        super().record(key, error, deadline)


def replace(parts: Parts) -> Parts:
    """Swap the cooldowns."""
    return parts.replace(cooldowns=_Cooldowns)
