"""A request that is answered with 500, or with silence, is sent once more to the same model [OC#20999].

Breaks FLO-5. Below all failover the provider's SDK tries again by itself, which is its default; so each of these
failures costs a request more, and silence a whole time-out more.
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
    """A client that does not take the first such failure for an answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def complete(
        self, model: str, messages: Sequence[Message], tools: Sequence[ToolSpec], token: str, deadline: Deadline
    ) -> Reply:
        try:
            return self._client.complete(model, messages, tools, token, deadline)
        except Retryable as error:
            if error.code not in ("provider-error", "stalled"):
                raise
        return self._client.complete(model, messages, tools, token, deadline)


def _client_for(provider: str, config: Mapping[str, Any]) -> Client:
    return _Persistent(failover.client_for(provider, config))


def replace(parts: Parts) -> Parts:
    def complete(**arguments: Any) -> Any:
        return failover.complete(**arguments, policy=failover.Policy(client_for=_client_for))

    return parts.replace(complete=complete)
