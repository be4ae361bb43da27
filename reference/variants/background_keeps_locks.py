"""What goes on in the background has inherited the locks of its turn, which stay held for as long as it works.

Breaks LCK-8. A flock belongs to the open file, and whoever is forked with that has it too: the turn lets go of its
lock, and nobody else gets it. No single thread: inherited descriptors are the classic way to lose a lock for good.
"""

from __future__ import annotations

from typing import Any

from reference import locks, tools
from reference.messages import ToolCall, ToolSpec
from reference.parts import Parts
from reference.tools import keeper

BREAKS = ("LCK-8",)

_keep_only = keeper._keep_descriptors


def _keep_locks_too(kept: set[int]) -> None:
    """In the keeper, just forked: what it holds on to."""
    inherited = set(locks._held)
    locks._held.clear()  # or they would be closed as locks
    _keep_only(kept | inherited)


class _Tools:
    TOOLS: tuple[ToolSpec, ...] = tools.TOOLS

    @staticmethod
    def run(call: ToolCall, **context: Any) -> str:
        """Work that its turn waits for ends with it, and so does what that has inherited."""
        keeper._keep_descriptors = _keep_locks_too if call.arguments.get("background") is True else _keep_only
        return tools.run(call, **context)


def replace(parts: Parts) -> Parts:
    return parts.replace(tools=_Tools)
