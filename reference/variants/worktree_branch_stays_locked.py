"""An add that is interrupted while git makes its branch leaves git's lock file, and with it the branch [CC#34645].

Breaks CFG-12. Git is trusted to tidy up after itself: its handler removes the lock files that it knows of, and the one
that is being made is not among them yet.
"""

from __future__ import annotations

from reference.worktrees import halves

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CFG-12",)


def replace(parts: Parts) -> Parts:
    """Swap how a branch is freed for its deletion."""
    halves.unlock_branch = lambda *arguments: None
    return parts
