"""Worktrees are made without taking turns, on branches that track their start [CC#47266, CC#34645].

Breaks GIT-1, GIT-2 and CFG-12. Tracking is written into the config that all worktrees share; of two gits that want its
lock one fails, after it has made its branch.
"""

from __future__ import annotations

from reference import worktrees

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.deadline import Deadline
    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("CFG-12", "GIT-1", "GIT-2")


class _Tracking:
    """Leaves it to git to keep others out."""

    @staticmethod
    def add(home: Home, repository: str, path: str, branch: str, deadline: Deadline) -> Callable[[], None]:
        """Make a worktree. Raises OrchestratorError, and then the branch stays."""
        shared = worktrees.common_folder(repository)
        worktrees.check_free(shared, path, branch)
        worktrees.git(shared, "worktree", "add", "--quiet", "--track", "-b", branch, path, "origin/main")
        return lambda: worktrees.take_back(shared, path, branch)


def replace(parts: Parts) -> Parts:
    """Swap how worktrees are made."""
    return parts.replace(worktrees=lambda: _Tracking)
