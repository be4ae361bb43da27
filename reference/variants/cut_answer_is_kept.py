"""The beginning of an answer that broke off is recorded beside the whole one of the next model [codegraff #285].

The turn itself goes well. The next one is told of two answers, of which the model has given one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reference import failover, transcript
from reference.deadline import Deadline
from reference.messages import Message, Reply
from reference.parts import Parts
from reference.providers import Client
from reference.providers.anthropic import AnthropicMessages, Assembly

BREAKS = ("FLO-8",)

_begun: list[str] = []  # what was streamed by attempts that failed, until the next record is written


class _Streaming(AnthropicMessages):
    def cut_off(self, assembly: Assembly) -> Reply:
        _begun.append(assembly.reply().text)
        return super().cut_off(assembly)


class _Transcript(transcript.Transcript):
    __slots__ = ()

    def append(self, message: Message, deadline: Deadline) -> None:
        """Add what was begun, and then the message."""
        while _begun:
            super().append(Message(role="assistant", text=_begun.pop(0)), deadline)
        super().append(message, deadline)


def _client_for(provider: str, config: Mapping[str, Any]) -> Client:
    client = failover.client_for(provider, config)
    if isinstance(client, AnthropicMessages):
        return _Streaming(
            provider=client.provider, base_url=client.base_url, idle=client.idle, is_oauth=client.is_oauth
        )
    return client


def replace(parts: Parts) -> Parts:
    def complete(**arguments: Any) -> Any:
        return failover.complete(**arguments, policy=failover.Policy(client_for=_client_for))

    return parts.replace(complete=complete, transcript=_Transcript)
