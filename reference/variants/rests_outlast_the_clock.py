"""A rest ends at a time of the wall clock, also where that was ahead when the rest began, and was set back since.

Breaks FLO-6. Until that time comes nobody asks the model, although it had wanted seconds.
"""

from __future__ import annotations

from reference import cooldowns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.cooldowns import Rest
    from reference.parts import Parts

BREAKS = ("FLO-6",)

_judged = cooldowns._rest


def _by_its_end(key: str, entry: object) -> Rest | None:
    """The rest, whenever it has begun."""
    return _judged(key, {**entry, "since": 0.0} if isinstance(entry, dict) else entry)


def replace(parts: Parts) -> Parts:
    """Swap what is taken for a rest in force."""
    cooldowns._rest = _by_its_end
    return parts
