"""A request whose connection breaks is sent once more to the same model, by the client below all failover.

Breaks FLO-5. Each layer that tries again multiplies what the layers above it do. No single thread: it is the default of
most HTTP clients and SDKs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reference import failover
from reference.deadline import Deadline
from reference.errors import Retryable
from reference.messages import Message, Reply, ToolSpec
from reference.parts import Parts
from reference.providers import Client

BREAKS = ("FLO-5",)


class _Persistent:
    """A client that does not take the first broken connection for an answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def complete(
        self, model: str, messages: Sequence[Message], tools: Sequence[ToolSpec], token: str, deadline: Deadline
    ) -> Reply:
        try:
            return self._client.complete(model, messages, tools, token, deadline)
        except Retryable as error:
            if error.status is not None:
                raise
        return self._client.complete(model, messages, tools, token, deadline)


def _client_for(provider: str, config: Mapping[str, Any]) -> Client:
    return _Persistent(failover.client_for(provider, config))


def replace(parts: Parts) -> Parts:
    def complete(**arguments: Any) -> Any:
        return failover.complete(**arguments, policy=failover.Policy(client_for=_client_for))

    return parts.replace(complete=complete)
