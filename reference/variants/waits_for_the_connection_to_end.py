"""A turn that has its whole answer waits until the provider ends the connection [OC#127956, OC#65846].

Breaks CHD-6. Providers and the proxies before them keep connections open, so the command hangs about with its work
done, until a time-out calls the turn a failure.
"""

from __future__ import annotations

from reference import failover
from reference.providers import client_for
from reference.providers.anthropic import AnthropicMessages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from reference.messages import Reply
    from reference.parts import Parts
    from reference.providers import Client
    from reference.providers.sse import Event

BREAKS = ("CHD-6",)


class _Patient(AnthropicMessages):
    """Reads to the end of the stream, whatever has been said in it."""

    __slots__ = ()

    def read(self, stream: Iterable[Event], token: str) -> Reply:
        """The answer. Raises Retryable(`stalled`) when the provider stays connected and silent."""
        reply = super().read(stream, token)
        for _ in stream:
            pass
        return reply


def _client_for(provider: str, config: Mapping[str, Any]) -> Client:
    client = client_for(provider, config)
    if not isinstance(client, AnthropicMessages):
        return client
    return _Patient(provider=client.provider, base_url=client.base_url, idle=client.idle, is_oauth=client.is_oauth)


def replace(parts: Parts) -> Parts:
    """Swap how models are asked."""

    def complete(**arguments: Any) -> Any:
        return failover.complete(**arguments, policy=failover.Policy(client_for=_client_for))

    return parts.replace(complete=complete)
