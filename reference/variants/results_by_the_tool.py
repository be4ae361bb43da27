"""Results are kept by the name of their tool: of several calls of one tool each gets the result of the last.

Breaks MSG-6. As where a provider's calls have no ids, and names are put in their place.
"""

from __future__ import annotations

from reference.turn import Turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.messages import Message, Reply
    from reference.parts import Parts

BREAKS = ("MSG-6",)

_ask = Turn._ask


def _mixed_up(self: Turn, config: dict[str, Any], messages: list[Message]) -> Reply:
    """Ask with the results of each answer's calls as they are found by name."""
    sent: list[Message] = []
    named: dict[str, str] = {}  # by the ids of the last answer's calls
    for at, message in enumerate(messages):
        if message.tool_calls:
            named = {call.id: call.name for call in message.tool_calls}
        if message.role == "tool":
            same = [m for m in messages[at:] if named.get(m.tool_call_id) == named.get(message.tool_call_id)]
            sent.append(message._replace(text=same[-1].text))
        else:
            sent.append(message)
    return _ask(self, config, sent)


def replace(parts: Parts) -> Parts:
    """Swap what the model is told."""
    Turn._ask = _mixed_up  # type: ignore[method-assign]
    return parts
