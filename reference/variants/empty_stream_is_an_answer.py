"""A stream that ends before anything has come is an empty answer, and the turn a success.

Breaks FLO-3. Nobody is asked in the provider's place, and the model seems to have had nothing to say.
"""

from __future__ import annotations

from reference.messages import Reply
from reference.parts import Parts
from reference.providers.anthropic import AnthropicMessages, Assembly
from reference.variants._clients import anthropic_as, replace_clients

BREAKS = ("FLO-3",)


class _Content(AnthropicMessages):
    def cut_off(self, assembly: Assembly) -> Reply:
        return super().cut_off(assembly) if assembly.blocks else Reply(text="", tool_calls=(), usage={})


def replace(parts: Parts) -> Parts:
    """Swap the client of Anthropic's provider."""
    return replace_clients(parts, anthropic_as(_Content))
