"""Git is told the repository by `-C`, and heeds `GIT_DIR` and its kin more, as in a hook.

Breaks GIT-1. An agent that is added in a hook of one repository gets a worktree of that, not of the one it was to have.
max-sixty/worktrunk #4082 and changesets #2255 made the mistake.
"""

from __future__ import annotations

import os
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

    from reference.parts import Parts

BREAKS = ("GIT-1",)

git = import_module("reference.worktrees.git")  # the package has a function of that name
_run = git._run


def _obedient(command: list[str], env: dict[str, str], output: IO[bytes], errors: IO[bytes], sign: int) -> int:
    """Run git with all that is in our environment."""
    status: int = _run(command, {**os.environ, **env}, output, errors, sign)
    return status


def replace(parts: Parts) -> Parts:
    """Swap what git finds in its environment."""
    git._run = _obedient  # type: ignore[attr-defined]
    return parts
