"""A run that fails, times out or is stopped leaves its session locked for good.

Breaks LCK-8. The lock file is removed after a success; on every other way out the file stays as a mark,
without a process that could be found dead. Only a kill, which leaves the holder's pid, is
recovered from. No single thread: clean-up on the happy path alone is the oldest mistake with lock files.
"""

from __future__ import annotations

import sys

from reference.variants._pidfile import PidFileLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.parts import Parts

BREAKS = ("LCK-8",)
# The turn after a failure is refused; LCK-4: no run asks for the lock in vain, as all look first.
MAY_BREAK = ("AUT-4", "LCK-4", "OPS-2", "RES-1", "RES-2", "RES-3")


class KeptOnError(PidFileLock):
    """Cleans up after success."""

    def is_held(self, record: dict[str, Any]) -> bool:
        """Whether the holder lives, or has left the mark of a failed run."""
        return record.get("pid") is None or super().is_held(record)

    def release(self) -> None:
        """Remove the file, unless an exception is on its way through the caller."""
        if sys.exc_info()[1] is None:
            super().release()
        elif self.is_ours():
            self.held = False
            self.write(None)


def replace(parts: Parts) -> Parts:
    """Swap the session lock."""
    return parts.replace(session_lock=KeptOnError)
