"""An answer without words or tool calls is a failure of its provider, and the next one is asked.

Breaks FLO-3. Models say nothing once a tool has done all that there was to do; who takes that for a failure pays for
every such turn twice, and reports it as failed where no other model is configured.
"""

from __future__ import annotations

from collections.abc import Sequence

from reference.deadline import Deadline
from reference.errors import Retryable
from reference.messages import Message, Reply, ToolSpec
from reference.parts import Parts
from reference.variants._clients import Wrapped, replace_clients

BREAKS = ("FLO-3",)


class _Talkative(Wrapped):
    def complete(
        self, model: str, messages: Sequence[Message], tools: Sequence[ToolSpec], token: str, deadline: Deadline
    ) -> Reply:
        """Ask as always."""
        reply = self._client.complete(model, messages, tools, token, deadline)
        if not reply.text and not reply.tool_calls:
            raise Retryable("empty-answer", "the model said nothing")
        return reply


def replace(parts: Parts) -> Parts:
    """Swap every client."""
    return replace_clients(parts, _Talkative)
