"""A provider that asks for a rest of a few seconds is not heard: the next turn asks it again at once.

Breaks FLO-5. Such a rest is taken for over by the time in which anybody could ask; agents ask within milliseconds.
"""

from __future__ import annotations

from reference.cooldowns import Cooldowns
from reference.deadline import Deadline
from reference.errors import Retryable
from reference.parts import Parts

BREAKS = ("FLO-5",)

SHORTEST = 5.0  # seconds; only what is longer is remembered


class _Cooldowns(Cooldowns):
    __slots__ = ()

    def record(self, key: str, error: Retryable, deadline: Deadline) -> None:
        """Only what takes long."""
        if error.retry_after and error.retry_after > SHORTEST:
            super().record(key, error, deadline)


def replace(parts: Parts) -> Parts:
    """Swap the cooldowns."""
    return parts.replace(cooldowns=_Cooldowns)
