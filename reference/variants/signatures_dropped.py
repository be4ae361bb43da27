"""What a model wants back with its tool calls, unread, is not kept: Gemini 3 refuses to go on from one of its own.

Breaks MSG-6. Code that was written for models before Gemini 3 rebuilds each call from its name and its arguments; every
turn in which such a model asks for a tool then ends with a 400.
"""

from __future__ import annotations

from reference.messages import Json, ToolCall
from reference.parts import Parts
from reference.providers import gemini

BREAKS = ("MSG-6",)


def call_part(model: str, call: ToolCall, *, is_first: bool) -> Json:
    """How a call is told to Gemini."""
    part: Json = {"functionCall": {"name": call.name, "args": call.arguments}}
    if is_first and call.signed_by != model and gemini.SIGNS.match(model):
        part["thoughtSignature"] = gemini.UNSIGNED
    return part


def replace(parts: Parts) -> Parts:
    """Swap how Gemini is told of calls."""
    gemini.call_part = call_part
    return parts
