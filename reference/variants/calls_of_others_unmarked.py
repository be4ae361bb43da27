"""After a failover Gemini 3 is told of another model's call as if it were its own, and refuses it as unsigned.

Breaks FLO-3. The failure that the next model was to make good becomes a 400, which stops the turn.
"""

from __future__ import annotations

from reference.messages import Json, ToolCall
from reference.parts import Parts
from reference.providers import gemini

BREAKS = ("FLO-3",)


def call_part(model: str, call: ToolCall, *, is_first: bool) -> Json:
    """How a call is told to Gemini."""
    part: Json = {"functionCall": {"name": call.name, "args": call.arguments}}
    if call.signature and call.signed_by == model:
        part["thoughtSignature"] = call.signature
    return part


def replace(parts: Parts) -> Parts:
    """Swap how Gemini is told of calls."""
    gemini.call_part = call_part
    return parts
