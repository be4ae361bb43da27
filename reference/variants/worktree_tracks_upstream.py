"""Worktrees are made without taking turns, on branches that track their start [CC#47266, CC#34645].

Breaks GIT-1, GIT-2 and CFG-12. Tracking is written into the config that all worktrees share; of two gits that want its
lock one fails, after it has made its branch.
"""

from __future__ import annotations

from reference import worktrees
from reference.worktrees.git import git
from reference.worktrees.halves import take_back

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("CFG-12", "GIT-1", "GIT-2")


class _Tracking:
    """Leaves it to git to keep others out."""

    @staticmethod
    def add(home: Home, repository: str, path: str, branch: str, *rest: Any) -> worktrees.Worktree:
        """Make a worktree. Raises OrchestratorError, and then the branch stays."""
        shared = worktrees.common_folder(repository)
        worktrees.check_free(shared, path, branch)
        git(shared, "worktree", "add", "--quiet", "--track", "-b", branch, path, "origin/main")
        return worktrees.Worktree(lambda: None, lambda: take_back(shared, path, branch))


def replace(parts: Parts) -> Parts:
    """Swap how worktrees are made."""
    return parts.replace(worktrees=lambda: _Tracking)
