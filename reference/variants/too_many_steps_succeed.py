"""A turn whose model goes on asking for tools is over after so many answers, and has succeeded [iac-code#41].

Breaks CHD-7. What it was to do is half done, and exit status 0 says otherwise.
"""

from __future__ import annotations

from typing import Any

from reference.errors import Local
from reference.parts import Parts
from reference.turn import Turn

BREAKS = ("CHD-7",)

_converse = Turn._converse


def _until_it_is_over(self: Turn, *arguments: Any) -> str:
    try:
        return _converse(self, *arguments)
    except Local as end:
        if end.code != "too-many-steps":
            raise
        return ""


def replace(parts: Parts) -> Parts:
    """Swap what becomes of a turn that has had all its answers."""
    Turn._converse = _until_it_is_over  # type: ignore[assignment, method-assign]
    return parts
