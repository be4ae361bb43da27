"""A tool's command is handed to its shell in ASCII, with a question mark for each character that has no place there.

Breaks MSG-6. Where the locale is that of a container (C), file names with an accent are not found, or another's is.
"""

from __future__ import annotations

from typing import Any

from reference.parts import Parts
from reference.tools.execute import Execution

BREAKS = ("MSG-6",)

_init = Execution.__init__


def _plain(self: Execution, *, command: str, **others: Any) -> None:
    _init(self, command=command.encode("ascii", "replace").decode(), **others)


def replace(parts: Parts) -> Parts:
    """Swap what a shell is given."""
    Execution.__init__ = _plain  # type: ignore[method-assign]
    return parts
