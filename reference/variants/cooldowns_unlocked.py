"""A rest is noted without a lock: of two that are asked for at the same time one is forgotten.

Breaks FLO-5. The provider that had asked for it is asked again by the next turn.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from reference import cooldowns
from reference.parts import Parts

BREAKS = ("FLO-5",)


class _Open:
    """In the place of a lock: it keeps nobody out."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def acquire(self, _deadline: Any) -> nullcontext[None]:
        """Go on at once."""
        return nullcontext()


def replace(parts: Parts) -> Parts:
    """Swap the lock that the cooldowns are written under."""
    cooldowns.Lock = _Open  # type: ignore[attr-defined, assignment]
    return parts
