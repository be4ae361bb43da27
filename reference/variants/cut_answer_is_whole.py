"""The end of the stream is taken for the end of the answer [opencode #26167].

A provider that goes away in mid-sentence has thereby answered: nothing fails over, the half sentence is the result,
and the session remembers it as what the model said.
"""

from __future__ import annotations

from reference.messages import Reply
from reference.parts import Parts
from reference.providers.anthropic import AnthropicMessages, Assembly
from reference.variants._clients import anthropic_as, replace_clients

BREAKS = ("FLO-8",)


class _Content(AnthropicMessages):
    def cut_off(self, assembly: Assembly) -> Reply:
        return assembly.reply() if assembly.blocks else super().cut_off(assembly)


def replace(parts: Parts) -> Parts:
    return replace_clients(parts, anthropic_as(_Content))
