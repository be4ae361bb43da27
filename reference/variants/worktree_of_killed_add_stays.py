"""Nobody takes back what an add that was killed has left of a worktree [CC#34645, CC#69802].

Breaks CFG-12. The next add of the agent is refused, as its branch or its folder is there already, until somebody cleans
up by hand.
"""

from __future__ import annotations

from reference import worktrees

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CFG-12",)


def replace(parts: Parts) -> Parts:
    """Swap what is done about notes that were left."""
    worktrees.recover = lambda *arguments: None
    return parts
