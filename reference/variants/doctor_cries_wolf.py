"""Whoever gives up a lock leaves its record, so that every check-up finds holders that are gone [OC#34636].

Breaks OPS-6. The next to look takes what ordinary work has left for what a crash has.
"""

from __future__ import annotations

import os

from reference import locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("OPS-6",)


def _as_it_stands(lock: locks.Lock) -> None:
    descriptor, lock._descriptor = lock._descriptor, -1
    if descriptor >= 0:
        locks._held.discard(descriptor)
        os.close(descriptor)


def replace(parts: Parts) -> Parts:
    """Swap how a lock is given up."""
    locks.Lock.release = _as_it_stands  # type: ignore[method-assign,assignment]
    return parts
