"""What ends a call of the database is the database's error, a signal too: the run has failed, and nobody has ended it.

Breaks CHD-7. A layer that wraps whatever its driver throws does this; who pressed Ctrl-C is told to look at the disk.
"""

from __future__ import annotations

from reference.database import Database
from reference.errors import Local, Stopped
from reference.parts import Parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

BREAKS = ("CHD-7",)

_patiently = Database._patiently


def _wrapped(self: Database, work: Callable[[], T]) -> T:
    try:
        return _patiently(self, work)
    except Stopped as stopped:
        detail = {"path": self.path}
        raise Local("database-error", f"{self.path}: the query failed", hint="try again", detail=detail) from stopped


def replace(parts: Parts) -> Parts:
    """Swap how the database is asked."""
    Database._patiently = _wrapped  # type: ignore[method-assign]
    return parts
