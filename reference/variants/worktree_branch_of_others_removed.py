"""An add whose branch is there already fails, and takes that branch back as if it had made it, with all its commits.

Breaks CFG-12. Git is left to refuse the name, and whatever git refuses is cleaned up after.
"""

from __future__ import annotations

from reference import worktrees

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CFG-12",)

_check_free = worktrees.check_free


def _but_for_the_branch(shared: str, path: str, branch: str) -> None:
    _check_free(shared, path, f"{branch}/none")


def replace(parts: Parts) -> Parts:
    """Swap what has to be free."""
    worktrees.check_free = _but_for_the_branch
    return parts
