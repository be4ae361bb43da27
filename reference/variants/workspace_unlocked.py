"""Two runs work in one directory at the same time [AID#32, AID#71].

Breaks GIT-3. Sessions are locked and directories are not: agents whose workspaces are one folder overwrite each other's
files and fail at git's index lock.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.deadline import Deadline
    from reference.errors import Local
    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("GIT-3",)


class Open:
    """A directory that everybody may have."""

    def __init__(self, home: Home, path: str, owner: str, run_id: str) -> None:
        self.path = path

    def acquire(self, deadline: Deadline, waiting: Callable[[Local], object]) -> None:
        """Go on at once."""

    def busy(self) -> Local:
        """It never is."""
        raise AssertionError(f"nobody waits for {self.path}")

    def release(self) -> None:
        """Nothing was taken."""


def replace(parts: Parts) -> Parts:
    """Swap the workspace lock."""
    return parts.replace(workspace_lock=Open)
