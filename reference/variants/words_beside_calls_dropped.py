"""Of an answer that asks for tools the calls alone are stored, and not what the model said with them.

Breaks MSG-3. Plans and reasons stand there, and later turns go on without them.
"""

from __future__ import annotations

from reference import transcript

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.messages import Message
    from reference.parts import Parts

BREAKS = ("MSG-3",)

_as_fields = transcript.as_fields


def _calls_alone(message: Message) -> transcript.Record:
    return _as_fields(message._replace(text="") if message.tool_calls else message)


def replace(parts: Parts) -> Parts:
    """Swap how a message is stored."""
    transcript.as_fields = _calls_alone
    return parts
