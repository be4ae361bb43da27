"""A provider that asks for more than a minute's rest is not heard: the next turn asks it again at once.

Breaks FLO-5. Such a wait is taken for a mistake of the server's, as official SDKs do, which try again after half a
second then; a quota that is used up is asked for with every turn.
"""

from __future__ import annotations

from reference.cooldowns import Cooldowns
from reference.deadline import Deadline
from reference.errors import Retryable
from reference.home import Home
from reference.parts import Parts

BREAKS = ("FLO-5",)

LONGEST = 60.0  # seconds


class _Cooldowns(Cooldowns):
    __slots__ = ()

    def record(self, key: str, error: Retryable, deadline: Deadline) -> None:
        """Only what is soon over."""
        if error.retry_after and error.retry_after <= LONGEST:
            super().record(key, error, deadline)


def replace(parts: Parts) -> Parts:
    def cooldowns(home: Home) -> Cooldowns:
        return _Cooldowns(home)

    return parts.replace(cooldowns=cooldowns)
