"""A tool that there is not is a failure of the turn: the model is not told, and what it had done is lost with it.

Breaks MSG-6. Models ask for tools that they know from elsewhere; the name is looked up in a table, and that throws.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from reference import tools
from reference.errors import Local
from reference.messages import ToolCall
from reference.parts import Parts

BREAKS = ("MSG-6",)


def _run(call: ToolCall, **arguments: Any) -> str:
    known = [tool.name for tool in tools.TOOLS]
    if call.name not in known:
        raise Local("unknown-tool", f"there is no tool {call.name}", hint="try another model")
    return tools.run(call, **arguments)


def replace(parts: Parts) -> Parts:
    return parts.replace(tools=lambda: SimpleNamespace(TOOLS=tools.TOOLS, run=_run))
