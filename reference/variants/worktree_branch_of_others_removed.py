"""An add whose branch is there already fails, and takes that branch back as if it had made it, with all its commits.

Breaks CFG-12. Git is left to refuse the name, and whatever git refuses is cleaned up after.
"""

from __future__ import annotations

from reference import worktrees
from reference.errors import Local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts
    from reference.worktrees.note import Note

BREAKS = ("CFG-12",)

_check_free, _make_branch = worktrees.check_free, worktrees.make_branch


def _but_for_the_branch(shared: str, path: str, branch: str) -> None:
    _check_free(shared, path, f"{branch}/none")


def _whoever_refuses(note: Note, sign: int) -> None:
    try:
        _make_branch(note, sign)
    except worktrees.BranchRefused as refused:
        raise Local(refused.code, refused.message, hint=refused.hint, detail=refused.detail) from None


def replace(parts: Parts) -> Parts:
    """Swap what has to be free, and what git's refusal is taken for."""
    worktrees.check_free = _but_for_the_branch
    worktrees.make_branch = _whoever_refuses
    return parts
