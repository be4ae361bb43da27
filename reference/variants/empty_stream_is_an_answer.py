"""A stream that ends before anything has come is an empty answer, and the turn a success.

Breaks FLO-3. Nobody is asked in the provider's place, and the model seems to have had nothing to say.
"""

from __future__ import annotations

from typing import Any

from reference.parts import Parts

BREAKS = ("FLO-3",)


def _complete(**arguments: Any) -> Any:
    """Ask as always; the client is imported on use."""
    from reference import failover
    from reference.messages import Reply
    from reference.providers.anthropic import AnthropicMessages, Assembly

    class _Client(AnthropicMessages):
        def cut_off(self, assembly: Assembly) -> Reply:
            return super().cut_off(assembly) if assembly.blocks else Reply(text="", tool_calls=(), usage={})

    def client_for(provider: str, config: Any) -> Any:
        client = failover.client_for(provider, config)
        if type(client) is not AnthropicMessages:
            return client
        return _Client(provider=provider, base_url=client.base_url, idle=client.idle, is_oauth=client.is_oauth)

    return failover.complete(**arguments, policy=failover.Policy(client_for=client_for))


def replace(parts: Parts) -> Parts:
    """Swap the client of Anthropic's provider."""
    return parts.replace(complete=_complete)
