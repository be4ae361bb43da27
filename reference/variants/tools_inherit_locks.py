"""What a tool call starts has inherited the locks of its turn: they stay held when the turn is killed.

Breaks LCK-2, and by background work LCK-8. A flock belongs to the open file, and whoever is forked with that has it
too, for as long as it lives. No single thread: inherited descriptors are the classic way to lose a lock for good.
"""

from __future__ import annotations

from reference import locks
from reference.tools import keeper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("LCK-2", "LCK-8")

_keep_only = keeper._keep_descriptors


def _keep_locks_too(kept: set[int]) -> None:
    """In the keeper, just forked: what it holds on to."""
    inherited = set(locks._held)
    locks._held.clear()  # or they would be closed as locks
    _keep_only(kept | inherited)


def replace(parts: Parts) -> Parts:
    """Swap what a keeper closes."""
    keeper._keep_descriptors = _keep_locks_too
    return parts
