"""A run that waits for its session acts on no signal before it has it.

Breaks CHD-7. Who takes a message back that has not had its turn yet waits for the turn before it.
"""

from __future__ import annotations

from reference import stopping
from reference.sessions import SessionLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.deadline import Deadline
    from reference.errors import Local
    from reference.parts import Parts

BREAKS = ("CHD-7",)


class _Deaf(SessionLock):
    __slots__ = ()

    def acquire(self, deadline: Deadline, waiting: Callable[[Local], object]) -> None:
        """Wait, and let nothing come between."""
        with stopping.held():
            super().acquire(deadline, waiting)


def replace(parts: Parts) -> Parts:
    """Swap the session lock."""
    return parts.replace(session_lock=_Deaf)
