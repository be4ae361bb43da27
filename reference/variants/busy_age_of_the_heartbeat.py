"""The age of a held session is that of the holder's last sign of life, which is always a moment ago.

Breaks LCK-6. Whoever is refused cannot tell a run that has just begun from one that hangs. No single thread.
"""

from __future__ import annotations

from reference.errors import Busy
from reference.sessions import SessionLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.deadline import Deadline
    from reference.errors import Local
    from reference.parts import Parts

BREAKS = ("LCK-6",)


class _Lock(SessionLock):
    __slots__ = ()

    def acquire(self, deadline: Deadline, waiting: Callable[[Local], object]) -> None:
        try:
            super().acquire(deadline, waiting)
        except Busy as busy:
            raise _lively(busy) from None

    def busy(self) -> Busy:
        return _lively(super().busy())


def _lively(busy: Busy) -> Busy:
    holder = busy.detail["holder"]
    assert isinstance(holder, dict)
    holder["age_seconds"] = 0.0
    return busy


def replace(parts: Parts) -> Parts:
    """Swap the session lock."""
    return parts.replace(session_lock=_Lock)
