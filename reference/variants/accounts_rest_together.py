"""An account that is used up makes every account of its provider rest [OC#33543, OC#99684].

Breaks FLO-6. The second one is there for just that hour, and is not asked.
"""

from __future__ import annotations

from reference.cooldowns import Cooldowns, Rest
from reference.deadline import Deadline
from reference.errors import Retryable
from reference.parts import Parts

BREAKS = ("FLO-6",)


class _Cooldowns(Cooldowns):
    __slots__ = ()

    def active(self, keys: tuple[str, ...]) -> Rest | None:
        """What holds for any of these, or for any account."""
        return super().active(tuple(map(_of_all, keys)))

    def record(self, key: str, error: Retryable, deadline: Deadline) -> None:
        """Remember it for all accounts."""
        super().record(_of_all(key), error, deadline)


def _of_all(key: str) -> str:
    """One key for all that are signed in to, whose profiles have names like codex:default."""
    return "profile:accounts" if key.startswith("profile:") and key.count(":") > 1 else key


def replace(parts: Parts) -> Parts:
    return parts.replace(cooldowns=_Cooldowns)
