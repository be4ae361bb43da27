"""A request that is answered with 500, or with silence, is sent once more to the same model [OC#20999].

Breaks FLO-5. Below all failover the provider's SDK tries again by itself, which is its default; so each of these
failures costs a request more, and silence a whole time-out more.
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
    """A client that does not take the first such failure for an answer."""

    def complete(
        self, model: str, messages: Sequence[Message], tools: Sequence[ToolSpec], token: str, deadline: Deadline
    ) -> Reply:
        try:
            return self._client.complete(model, messages, tools, token, deadline)
        except Retryable as error:
            if error.code not in ("provider-error", "stalled"):
                raise
        return self._client.complete(model, messages, tools, token, deadline)


def replace(parts: Parts) -> Parts:
    return replace_clients(parts, _Persistent)
