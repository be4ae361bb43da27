"""A workspace is known by its path with the separators rewritten: `client/app` and `client-app` are one [OC#96542].

Breaks LCK-1. Agents that have nothing to do with each other wait for each other, or are refused as busy.
"""

from __future__ import annotations

from reference.workspaces import WorkspaceLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("LCK-1",)


class _ByName(WorkspaceLock):
    """Locks whatever has the same name as the directory, once its slashes are hyphens."""

    __slots__ = ()

    def __init__(self, home: Home, path: str, owner: str, run_id: str) -> None:
        super().__init__(home, path, owner, run_id)
        self._name = "workspace" + path.replace("/", "-")[-200:]  # of a file's name 255 bytes are left
        self._lock = self._at(0)


def replace(parts: Parts) -> Parts:
    """Swap the lock of workspaces."""
    return parts.replace(workspace_lock=_ByName)
