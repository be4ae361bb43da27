"""A request whose connection breaks is sent once more to the same model, by the client below all failover.

Breaks FLO-5. Each layer that tries again multiplies what the layers above it do. No single thread: it is the default of
most HTTP clients and SDKs.
"""

from __future__ import annotations

from collections.abc import Sequence

from reference.deadline import Deadline
from reference.errors import Retryable
from reference.messages import Message, Reply, ToolSpec
from reference.parts import Parts
from reference.variants._clients import Wrapped, replace_clients

BREAKS = ("FLO-5",)


class _Persistent(Wrapped):
    """A client that does not take the first broken connection for an answer."""

    def complete(
        self, model: str, messages: Sequence[Message], tools: Sequence[ToolSpec], token: str, deadline: Deadline
    ) -> Reply:
        try:
            return self._client.complete(model, messages, tools, token, deadline)
        except Retryable as error:
            if error.status is not None:
                raise
        return self._client.complete(model, messages, tools, token, deadline)


def replace(parts: Parts) -> Parts:
    return replace_clients(parts, _Persistent)
