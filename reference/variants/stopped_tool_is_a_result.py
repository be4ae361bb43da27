"""A signal that comes while a tool runs ends the tool, which is told to the model: the turn goes on and succeeds.

Breaks CHD-7. The turn obeys a signal while it waits for its model, and takes one that comes in a tool for the tool's
own end. No single thread.
"""

from __future__ import annotations

from typing import Any

from reference import tools
from reference.errors import Stopped
from reference.messages import ToolCall, ToolSpec
from reference.parts import Parts

BREAKS = ("CHD-7",)


class _Tools:
    TOOLS: tuple[ToolSpec, ...] = tools.TOOLS

    @staticmethod
    def run(call: ToolCall, **context: Any) -> str:
        """Everything that the tool had started is gone by then, as it should be."""
        try:
            return tools.run(call, **context)
        except Stopped:
            return "[cancelled]"


def replace(parts: Parts) -> Parts:
    return parts.replace(tools=_Tools)
