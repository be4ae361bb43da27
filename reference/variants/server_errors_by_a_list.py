"""Failures of a server are those on a list: 500, 502, 503, 504 and 529. Any other status is the request's own fault.

Breaks FLO-3. Proxies have statuses of their own, as Cloudflare has 520 to 526; nobody is asked in the provider's place.
"""

from __future__ import annotations

from collections.abc import Sequence

from reference.deadline import Deadline
from reference.errors import Fatal, Retryable
from reference.messages import Message, Reply, ToolSpec
from reference.parts import Parts
from reference.variants._clients import Wrapped, replace_clients

BREAKS = ("FLO-3",)

_SERVER_ERRORS = 500
_KNOWN = (500, 502, 503, 504, 529)


class _Listing(Wrapped):
    """A client that knows some failures."""

    def complete(
        self, model: str, messages: Sequence[Message], tools: Sequence[ToolSpec], token: str, deadline: Deadline
    ) -> Reply:
        try:
            return self._client.complete(model, messages, tools, token, deadline)
        except Retryable as error:
            status = error.status or 0
            if status < _SERVER_ERRORS or status in _KNOWN:
                raise
            raise Fatal("request-refused", error.message, detail=error.detail) from error


def replace(parts: Parts) -> Parts:
    return replace_clients(parts, _Listing)
