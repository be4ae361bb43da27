"""What killed adds have left is taken back, and nobody looks whether an agent works there by then.

Breaks CFG-12. An add that is killed once its agent is in the config loses that agent's worktree to the next add.
"""

from __future__ import annotations

from reference import worktrees
from reference.worktrees.halves import take_back_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.parts import Parts
    from reference.worktrees.note import Note

BREAKS = ("CFG-12",)


def _whoevers(note: Note, is_used: Callable[[str], bool]) -> None:
    take_back_left(note, lambda path: False)


def replace(parts: Parts) -> Parts:
    """Swap what happens to what is left."""
    worktrees.take_back_left = _whoevers  # type: ignore[attr-defined]
    return parts
