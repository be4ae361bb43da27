"""A session that goes on has the calls of its earlier turns without their arguments.

Breaks MSG-3. The model reads that it has used a tool, and what that said, and not for what: it guesses, or does it
again.
"""

from __future__ import annotations

from typing import Any

from reference import transcript
from reference.messages import Message
from reference.parts import Parts

BREAKS = ("MSG-3",)

_as_message = transcript.as_message


def _without(record: dict[str, Any]) -> Message:
    message = _as_message(record)
    return message._replace(tool_calls=tuple(call._replace(arguments={}) for call in message.tool_calls))


def replace(parts: Parts) -> Parts:
    """Swap how a record is read back."""
    transcript.as_message = _without
    return parts
