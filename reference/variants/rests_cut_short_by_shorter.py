"""The last rest that a model asked for is the one that counts: a short one puts an end to a long one.

Breaks FLO-5. Turns that had asked the model at the same time are answered in any order; the one that was told to come
back soon is not the one to judge by.
"""

from __future__ import annotations

from reference.cooldowns import Cooldowns, Rest
from reference.home import Home
from reference.parts import Parts

BREAKS = ("FLO-5",)


class _Cooldowns(Cooldowns):
    __slots__ = ()

    def stands(self, there: Rest, seconds: float) -> bool:
        """Never."""
        return False


def replace(parts: Parts) -> Parts:
    """Swap how rests are remembered."""

    def cooldowns(home: Home) -> Cooldowns:
        return _Cooldowns(home)

    return parts.replace(cooldowns=cooldowns)
