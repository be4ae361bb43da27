"""The error of a provider that refuses a token shows the token, in a dump of the request.

Breaks AUT-9. No single thread: request headers in error reports are how most tokens get into logs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reference import failover
from reference.deadline import Deadline
from reference.errors import Auth
from reference.messages import Message, Reply, ToolSpec
from reference.parts import Parts
from reference.providers import Client

BREAKS = ("AUT-9",)


class _Telling:
    """A client whose errors show what was sent."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def complete(
        self, model: str, messages: Sequence[Message], tools: Sequence[ToolSpec], token: str, deadline: Deadline
    ) -> Reply:
        try:
            return self._client.complete(model, messages, tools, token, deadline)
        except Auth as error:
            error.message += f" (sent: authorization: Bearer {token})"
            raise


def _client_for(provider: str, config: Mapping[str, Any]) -> Client:
    return _Telling(failover.client_for(provider, config))


def replace(parts: Parts) -> Parts:
    def complete(**arguments: Any) -> Any:
        return failover.complete(**arguments, policy=failover.Policy(client_for=_client_for))

    return parts.replace(complete=complete)
