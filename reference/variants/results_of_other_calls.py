"""The results of several tools that a model wants at once go back in the order in which they were had, not by ids.

Breaks MSG-6. Each result is there, as that of another call, and the model goes on from what was never the case.
"""

from __future__ import annotations

from reference.turn import Turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.messages import Message, Reply, ToolCall
    from reference.parts import Parts

BREAKS = ("MSG-6",)

_ask, _run_tool = Turn._ask, Turn._run_tool
_other: dict[str, str] = {}  # the last call for the first


def _asked(self: Turn, config: dict[str, Any], messages: list[Message]) -> Reply:
    """Ask, and mix up what is asked for."""
    reply = _ask(self, config, messages)
    ids = [call.id for call in reply.tool_calls]
    _other.update(zip(ids, reversed(ids), strict=True))
    return reply


def _answered(self: Turn, registry: Any, delegation: Any, call: ToolCall, workspace: str) -> Message:
    answered = _run_tool(self, registry, delegation, call, workspace)
    return answered._replace(tool_call_id=_other[call.id])


def replace(parts: Parts) -> Parts:
    """Swap whose result is whose."""
    Turn._ask = _asked  # type: ignore[method-assign]
    Turn._run_tool = _answered  # type: ignore[method-assign]
    return parts
