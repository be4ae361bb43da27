"""A repair takes every note of a worktree for one that a killed add has left, also that of an add which is at work.

Breaks CFG-12. The add goes on, and its agent has a workspace that is not there. claude-code removed worktrees that were
in use when it tidied up [CC#74719].
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

from reference.commands import doctor
from reference.home import Home
from reference.parts import Parts
from reference.worktrees import note as notes

BREAKS = ("CFG-12",)


def _worktrees(home: Home) -> Iterator[doctor.Problem]:
    for file in notes.files(home):
        note = notes.read(file)
        if note is not None:
            repair = functools.partial(doctor._take_back, home, note)
            yield doctor.Problem("worktree-left", note.workspace, f"{note.workspace} was left by an add", repair)


def replace(parts: Parts) -> Parts:
    """Swap what a check-up takes for left."""
    doctor._worktrees = _worktrees
    return parts
