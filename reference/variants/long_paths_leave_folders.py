"""That a workspace's path cannot be is found out as it is made: by then the folders that lead there are made.

Breaks RES-5. The add fails with an error that names the path, and what it has made stays.
"""

from __future__ import annotations

import os

from reference.commands import agents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("RES-5",)


def _missing(path: str) -> list[str]:
    found = []
    while not os.path.isdir(path):
        found.append(path)
        path = os.path.dirname(path)
    return found[::-1]


def replace(parts: Parts) -> Parts:
    """Swap which folders are to be made."""
    agents.missing = _missing  # type: ignore[attr-defined]
    return parts
