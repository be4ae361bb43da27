"""Work that an agent begins in the background for another one ends with its turn, and nobody is told [CC#83627].

Breaks CHD-4. Whatever a tool has started ends with it, a delegated turn and its background work included; the check for
that was forgotten, and the model is given a handle.
"""

from __future__ import annotations

from reference.turn import Turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.delegation import Delegation
    from reference.messages import Message, ToolCall
    from reference.parts import Parts
    from reference.runs import Registry

BREAKS = ("CHD-4",)

_run_tool = Turn._run_tool


def _as_if_nobody_had_asked(
    self: Turn, registry: Registry, delegation: Delegation, call: ToolCall, workspace: str
) -> Message:
    request, self.request = self.request, self.request._replace(chain="")
    try:
        return _run_tool(self, registry, delegation, call, workspace)
    finally:
        self.request = request


def replace(parts: Parts) -> Parts:
    """Swap how a tool call is carried out."""
    Turn._run_tool = _as_if_nobody_had_asked  # type: ignore[method-assign]
    return parts
