"""Of several calls that Gemini 3 makes at once the signature goes back with the last, where code keeps the newest.

Breaks MSG-6. The model has signed the first of them, and refuses to go on: every turn in which it wants two things at
once ends with a 400.
"""

from __future__ import annotations

from reference.messages import Json, Message
from reference.parts import Parts
from reference.providers import gemini

BREAKS = ("MSG-6",)

_parts = gemini._parts


def parts_of(model: str, message: Message, names: dict[str, str]) -> list[Json]:
    """A message as it is told to Gemini."""
    found = _parts(model, message, names)
    calls = [part for part in found if "functionCall" in part]
    if calls and "thoughtSignature" in calls[0]:
        calls[-1]["thoughtSignature"] = calls[0].pop("thoughtSignature")
    return found


def replace(parts: Parts) -> Parts:
    """Swap how Gemini is told of messages."""
    gemini._parts = parts_of
    return parts
