"""Before a worktree is made what is not committed in the repository's checkout is stashed, so that it is "clean".

Breaks GIT-2. A person's edits are gone from their files, and nothing says where they are.
"""

from __future__ import annotations

import os

from reference import worktrees
from reference.worktrees.git import git

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts
    from reference.worktrees.note import Note

BREAKS = ("GIT-2",)

_make = worktrees.make


def _make_clean(note: Note) -> None:
    """Put everything away first."""
    identity = ("-c", "user.name=reference", "-c", "user.email=reference@localhost")
    checkout = os.path.dirname(note.repository)
    git(checkout, *identity, "stash", "push", "--quiet", "--include-untracked", check=False)
    _make(note)


def replace(parts: Parts) -> Parts:
    """Swap how a worktree is made."""
    worktrees.make = _make_clean
    return parts
