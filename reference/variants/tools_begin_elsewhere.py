"""A tool begins in the folder in which the command was started, and not in its agent's workspace.

Breaks MSG-6. Who starts four agents from one place has four agents at work in that place.
"""

from __future__ import annotations

import os
from typing import Any

from reference.parts import Parts
from reference.tools.execute import Execution

BREAKS = ("MSG-6",)

_init = Execution.__init__


def _here(self: Execution, *, workspace: str, **others: Any) -> None:
    _init(self, workspace=os.getcwd(), **others)


def replace(parts: Parts) -> Parts:
    """Swap where tools begin."""
    Execution.__init__ = _here  # type: ignore[method-assign]
    return parts
