"""What a killed add has left is taken back, and nobody looks whether somebody has worked there since [CC#74719].

Breaks CFG-12. Claude Code removed the worktrees of agents that were gone, with what was not committed in them, or
committed and nowhere else; a look that git was told to keep short misses new files too [CC#35862].
"""

from __future__ import annotations

from reference.worktrees import halves

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CFG-12",)


def replace(parts: Parts) -> Parts:
    """Swap what is looked at before anything is taken back."""
    halves._check_unchanged = lambda note: None
    return parts
