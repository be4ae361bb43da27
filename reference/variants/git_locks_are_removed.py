"""A lock of another git's that is in the way of an add's branch is taken for a leftover, and removed.

Breaks CFG-12: both gits then write the branch. Nobody asks whose lock it is, or how old. Proposed for hermes-agent
(#107216), where a reviewer saw it.
"""

from __future__ import annotations

from reference import worktrees
from reference.worktrees.halves import unlock_branch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CFG-12",)

_check_free = worktrees.check_free


def _freed(shared: str, path: str, branch: str) -> None:
    unlock_branch(shared, branch)
    _check_free(shared, path, branch)


def replace(parts: Parts) -> Parts:
    """Swap what has to be free."""
    worktrees.check_free = _freed
    return parts
