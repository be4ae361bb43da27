"""An add that fails removes the folder in which it was to make a worktree, also where somebody had made that before.

Breaks CFG-12. An empty folder looks like one of the add's own making.
"""

from __future__ import annotations

from reference.worktrees import note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("CFG-12",)

_write = note.write


def _as_if_new(home: Home, **facts: Any) -> note.Note:
    return _write(home, **{**facts, "was_there": False})


def replace(parts: Parts) -> Parts:
    """Swap what is noted of a worktree that is being made."""
    note.write = _as_if_new
    return parts
