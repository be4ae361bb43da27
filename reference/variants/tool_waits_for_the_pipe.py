"""A tool call is over when nobody has its output open any more, and not when its command has ended [ON#47350, PI#7636].

Breaks MSG-6. One server that a command leaves in the background keeps the turn for ever.
"""

from __future__ import annotations

from typing import Any

from reference import tools
from reference.messages import ToolCall, ToolSpec
from reference.parts import Parts

BREAKS = ("MSG-6",)
MAY_BREAK = ("CHD-1", "CHD-3")  # a turn that does not end shows nothing of what comes after its end


class _Tools:
    TOOLS: tuple[ToolSpec, ...] = tools.TOOLS

    @staticmethod
    def run(call: ToolCall, **context: Any) -> str:
        """`cat` ends when the last writer has closed the pipe, and the shell when `cat` has."""
        if call.name == "exec" and not call.arguments.get("background") and not tools.problem(call.arguments):
            command = f"({call.arguments['command']}\n) 2>&1 | cat"
            call = ToolCall(id=call.id, name=call.name, arguments={**call.arguments, "command": command})
        return tools.run(call, **context)


def replace(parts: Parts) -> Parts:
    """Swap the tools."""
    return parts.replace(tools=_Tools)
