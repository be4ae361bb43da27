"""A call that is like one before it in its turn is not carried out: what that one had printed is told once more.

Breaks MSG-6. A model that has mended a test and runs it again is told that it still fails.
"""

from __future__ import annotations

from reference.turn import Turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.delegation import Delegation
    from reference.messages import Message, ToolCall
    from reference.parts import Parts
    from reference.runs import Registry

BREAKS = ("MSG-6",)

_run_tool = Turn._run_tool
_known: dict[tuple[str, str], Message] = {}


def _remembered(self: Turn, registry: Registry, delegation: Delegation, call: ToolCall, workspace: str) -> Message:
    key = call.name, repr(call.arguments)
    if key not in _known:
        _known[key] = _run_tool(self, registry, delegation, call, workspace)
    return _known[key]._replace(tool_call_id=call.id)


def replace(parts: Parts) -> Parts:
    """Swap how a turn has its tools run."""
    Turn._run_tool = _remembered  # type: ignore[method-assign]
    return parts
