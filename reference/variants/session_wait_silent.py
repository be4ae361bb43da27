"""A run that waits for a session says nothing until it has it, or gives up [OC#69112].

Breaks OPS-4. Whoever looks at it cannot tell a queue from a hang, starts it once more, and has two in the queue.
"""

from __future__ import annotations

from reference.sessions import SessionLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.deadline import Deadline
    from reference.errors import Local
    from reference.parts import Parts

BREAKS = ("OPS-4",)


class Silent(SessionLock):
    """Waits as it should."""

    __slots__ = ()

    def acquire(self, deadline: Deadline, waiting: Callable[[Local], object]) -> None:
        """Wait, and tell nobody."""
        super().acquire(deadline, lambda busy: None)


def replace(parts: Parts) -> Parts:
    """Swap the session lock."""
    return parts.replace(session_lock=Silent)
