"""A model that asks for a rest is left alone for a minute at least, however short the rest was to be [OC#11352].

Breaks FLO-6. A limit that is over in a second sends a minute's turns to the next model; where the minute grows with
each failure, it becomes half an hour.
"""

from __future__ import annotations

from reference.cooldowns import Cooldowns
from reference.deadline import Deadline
from reference.errors import Retryable
from reference.home import Home
from reference.parts import Parts

BREAKS = ("FLO-6",)

SHORTEST = 60.0  # seconds


class _Cooldowns(Cooldowns):
    __slots__ = ()

    def record(self, key: str, error: Retryable, deadline: Deadline) -> None:
        """As long as the provider has asked for, and then some."""
        if error.retry_after:
            error.retry_after = max(error.retry_after, SHORTEST)
        super().record(key, error, deadline)


def replace(parts: Parts) -> Parts:
    def cooldowns(home: Home) -> Cooldowns:
        return _Cooldowns(home)

    return parts.replace(cooldowns=cooldowns)
