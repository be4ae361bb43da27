"""A turn that has its whole answer waits until the provider ends the connection [OC#127956, OC#65846].

Breaks CHD-6. Providers and the proxies before them keep connections open, so the command hangs about with its work
done, until a time-out calls the turn a failure.
"""

from __future__ import annotations

from reference.providers.anthropic import AnthropicMessages
from reference.variants._clients import anthropic_as, replace_clients

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from reference.messages import Reply
    from reference.parts import Parts
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


def replace(parts: Parts) -> Parts:
    """Swap how models are asked."""
    return replace_clients(parts, anthropic_as(_Patient))
