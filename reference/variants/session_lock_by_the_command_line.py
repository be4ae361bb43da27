"""A lock is believed if the process with its pid is one of this program, as its command line tells.

Breaks LCK-3. That tells a browser from an agent, and not one agent from another: where four of them run, a pid that is
given again is another agent's soon.
"""

from __future__ import annotations

from reference.variants._pidfile import PidFileLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.parts import Parts

BREAKS = ("LCK-3",)
MAY_BREAK = ("LCK-4",)  # no run asks for the lock in vain, as all look first


class _Named(PidFileLock):
    """Looks at command lines."""

    def is_held(self, record: dict[str, Any]) -> bool:
        """Whether a process of this program has this pid."""
        try:
            with open(f"/proc/{record.get('pid')}/cmdline", "rb") as file:
                return b"reference" in file.read()
        except OSError:
            return False


def replace(parts: Parts) -> Parts:
    """Swap the session lock."""
    return parts.replace(session_lock=_Named)
