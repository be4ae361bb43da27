"""Of a rest that a provider asks for, whole days are dropped: `timedelta.seconds` is taken for all of them.

Breaks FLO-5. A quota of a month that is used up is asked for again within the hour.
"""

from __future__ import annotations

from datetime import timedelta

from reference.cooldowns import Cooldowns
from reference.deadline import Deadline
from reference.errors import Retryable
from reference.parts import Parts

BREAKS = ("FLO-5",)


class _Cooldowns(Cooldowns):
    __slots__ = ()

    def record(self, key: str, error: Retryable, deadline: Deadline) -> None:
        """Its seconds, as the time of day has them."""
        error.retry_after = float(timedelta(seconds=error.retry_after or 0.0).seconds)
        super().record(key, error, deadline)


def replace(parts: Parts) -> Parts:
    """Swap the cooldowns."""
    return parts.replace(cooldowns=_Cooldowns)
