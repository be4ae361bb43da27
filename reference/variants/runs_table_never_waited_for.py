"""The table of runs is asked once: where another turn is writing it just then, "database is locked" is the answer.

Breaks LCK-1. That one write of another agent's takes a moment; of four turns that begin at once some never begin.
"""

from __future__ import annotations

from reference.database import Database
from reference.deadline import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from reference.parts import Parts

    T = TypeVar("T")

BREAKS = ("LCK-1",)

_patiently = Database._patiently


def _once(self: Database, work: Callable[[], T]) -> T:
    deadline, self._deadline = self._deadline, Deadline.after(0.0)
    try:
        return _patiently(self, work)
    finally:
        self._deadline = deadline


def replace(parts: Parts) -> Parts:
    """Swap how the table is asked."""
    Database._patiently = _once  # type: ignore[method-assign]
    return parts
