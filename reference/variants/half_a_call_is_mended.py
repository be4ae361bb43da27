"""Arguments of a tool that are no JSON get the quotes and braces that they lack, and the tool is run with them.

Breaks FLO-7. What is meant for odd quoting mends a call whose second half was lost as well: `rm -r build/old` becomes
`rm -r build`.
"""

from __future__ import annotations

import json

from reference.messages import ToolCall
from reference.parts import Parts
from reference.providers import anthropic

BREAKS = ("FLO-7",)

_ENDS = ("", '"}', "}", '""}')


def _tool_call(block: anthropic._Block) -> ToolCall:
    text = "".join(block.parts)
    for end in _ENDS:
        try:
            return ToolCall(id=block.id, name=block.name, arguments=dict(json.loads((text or "{}") + end)))
        except (ValueError, TypeError):
            continue
    return ToolCall(id=block.id, name=block.name, arguments={})


def replace(parts: Parts) -> Parts:
    """Swap how a call is read."""
    anthropic._tool_call = _tool_call
    return parts
