"""Runs that others have asked for come into any directory: it is taken for that of the run which has asked for them.

Breaks GIT-3. Two agents with one directory that work for a third at the same time overwrite each other's edits.
"""

from __future__ import annotations

from reference.sessions import run_chain
from reference.workspaces import WorkspaceLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.deadline import Deadline
    from reference.errors import Local
    from reference.parts import Parts

BREAKS = ("GIT-3",)


class _Lock(WorkspaceLock):
    __slots__ = ()

    def acquire(self, deadline: Deadline, waiting: Callable[[Local], object]) -> None:
        """Wait, unless a run above this one has it already, as is believed of any."""
        if len(run_chain()) == 1:
            super().acquire(deadline, waiting)


def replace(parts: Parts) -> Parts:
    """Swap the workspace lock."""
    return parts.replace(workspace_lock=_Lock)
