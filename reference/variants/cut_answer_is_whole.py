"""The end of the stream is taken for the end of the answer [opencode #26167].

A provider that goes away in mid-sentence has thereby answered: nothing fails over, the half sentence is the result,
and the session remembers it as what the model said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reference import failover
from reference.messages import Reply
from reference.parts import Parts
from reference.providers import Client
from reference.providers.anthropic import AnthropicMessages, Assembly

BREAKS = ("FLO-8",)


class _Content(AnthropicMessages):
    def cut_off(self, assembly: Assembly) -> Reply:
        return assembly.reply()


def _client_for(provider: str, config: Mapping[str, Any]) -> Client:
    client = failover.client_for(provider, config)
    if isinstance(client, AnthropicMessages):
        return _Content(provider=client.provider, base_url=client.base_url, idle=client.idle, is_oauth=client.is_oauth)
    return client


def replace(parts: Parts) -> Parts:
    def complete(**arguments: Any) -> Any:
        return failover.complete(**arguments, policy=failover.Policy(client_for=_client_for))

    return parts.replace(complete=complete)
