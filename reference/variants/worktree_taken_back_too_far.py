"""An add that fails removes the worktree's folder, also when it failed because that folder was there already.

Breaks CFG-12. What is taken back is taken to be of one's own making, and somebody's work goes with it. Seen in gaia
(#752).
"""

from __future__ import annotations

from reference import worktrees
from reference.worktrees.halves import take_back

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("CFG-12",)


class _Thorough:
    """Takes everything back, whatever has failed."""

    @staticmethod
    def add(home: Home, repository: str, path: str, branch: str, *rest: Any) -> worktrees.Worktree:
        """Make a worktree. Raises what `reference.worktrees.add` raises."""
        shared = worktrees.common_folder(repository)
        try:
            return worktrees.add(home, repository, path, branch, *rest)
        except BaseException:
            take_back(shared, path, branch)
            raise


def replace(parts: Parts) -> Parts:
    """Swap how worktrees are made."""
    return parts.replace(worktrees=lambda: _Thorough)
