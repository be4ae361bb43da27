"""A model that declines (`stop_reason` "refusal") has answered with nothing, and the turn is a success.

Breaks FLO-4: whoever waits for the answer is told that all went well, and of no reason.
"""

from __future__ import annotations

from collections.abc import Iterable

from reference.messages import Reply
from reference.parts import Parts
from reference.providers.anthropic import AnthropicMessages, Assembly
from reference.providers.sse import Event
from reference.variants._clients import anthropic_as, replace_clients

BREAKS = ("FLO-4",)


class _Content(AnthropicMessages):
    def read(self, stream: Iterable[Event], token: str) -> Reply:
        """The blocks alone, whatever the reason for their end."""
        assembly = Assembly(self.provider, token)
        if not assembly.read(stream):
            return self.cut_off(assembly)
        assembly.stop_reason = "end_turn"
        return assembly.reply()


def replace(parts: Parts) -> Parts:
    """Swap the client of Anthropic's provider."""
    return replace_clients(parts, anthropic_as(_Content))
