"""A tool's shell is sent to its workspace by a `cd` before the command, and the folder's name stands there as it is.

Breaks MSG-6. In a folder with a blank or a quote in its name no tool can be used, and with a semicolon another command
is run.
"""

from __future__ import annotations

from typing import Any

from reference.parts import Parts
from reference.tools.execute import Execution

BREAKS = ("MSG-6",)

_init = Execution.__init__


def _entering(self: Execution, *, command: str, workspace: str, **others: Any) -> None:
    _init(self, command=f"cd {workspace} && {command}", workspace="/", **others)


def replace(parts: Parts) -> Parts:
    """Swap where tools begin."""
    Execution.__init__ = _entering  # type: ignore[method-assign]
    return parts
