"""An add that fails leaves the worktree and the branch that it has made [CC#34645, CC#69802].

Breaks CFG-12. The two halves are made one after the other, and only the happy path knows that they belong together.
"""

from __future__ import annotations

from reference import worktrees

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.parts import Parts

BREAKS = ("CFG-12",)


class _Forgetful:
    """Takes nothing back."""

    @staticmethod
    def add(*arguments: Any) -> worktrees.Worktree:
        """Make a worktree. Raises what `reference.worktrees.add` raises."""
        keep = worktrees.add(*arguments).keep
        return worktrees.Worktree(keep, keep)


def replace(parts: Parts) -> Parts:
    """Swap how worktrees are made."""
    return parts.replace(worktrees=lambda: _Forgetful)
