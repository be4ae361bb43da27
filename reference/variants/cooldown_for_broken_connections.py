"""A model whose connection broke is left alone for half a minute, although nobody asked for that.

Breaks FLO-6. A connection that was reset says nothing about the next one; with all models behind one proxy that
restarts, there is none left to ask. No single thread.
"""

from __future__ import annotations

from reference import failover
from reference.deadline import Deadline
from reference.errors import Retryable
from reference.home import Home
from reference.parts import Parts

BREAKS = ("FLO-6",)

_SECONDS = 30.0


class _Cooldowns(failover.Cooldowns):
    __slots__ = ()

    def record(self, key: str, error: Retryable, deadline: Deadline) -> None:
        """An answer with a status is treated as it should be."""
        if error.status is None:
            error.retry_after = _SECONDS
        super().record(key, error, deadline)


def replace(parts: Parts) -> Parts:
    def cooldowns(home: Home) -> failover.Cooldowns:
        return _Cooldowns(home)

    return parts.replace(cooldowns=cooldowns)
