"""Arguments that do not fit the tool's schema are taken for a broken answer, and the turn fails.

Breaks MSG-6. The schema was sent to the provider, so a program relies on it; the model could have put it right itself.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from reference import tools
from reference.errors import Fatal
from reference.messages import ToolCall
from reference.parts import Parts

BREAKS = ("MSG-6",)


def _run(call: ToolCall, **arguments: Any) -> str:
    if call.name == "exec" and not isinstance(call.arguments.get("command"), str):
        raise Fatal("malformed-call", "the model gave a tool arguments that it does not take")
    return tools.run(call, **arguments)


def replace(parts: Parts) -> Parts:
    return parts.replace(tools=lambda: SimpleNamespace(TOOLS=tools.TOOLS, run=_run))
