"""The error of a provider that refuses a token shows the token, in a dump of the request.

Breaks AUT-9. No single thread: request headers in error reports are how most tokens get into logs.
"""

from __future__ import annotations

from collections.abc import Sequence

from reference.deadline import Deadline
from reference.errors import Auth
from reference.messages import Message, Reply, ToolSpec
from reference.parts import Parts
from reference.variants._clients import Wrapped, replace_clients

BREAKS = ("AUT-9",)


class _Telling(Wrapped):
    """A client whose errors show what was sent."""

    def complete(
        self, model: str, messages: Sequence[Message], tools: Sequence[ToolSpec], token: str, deadline: Deadline
    ) -> Reply:
        try:
            return self._client.complete(model, messages, tools, token, deadline)
        except Auth as error:
            error.message += f" (sent: authorization: Bearer {token})"
            raise


def replace(parts: Parts) -> Parts:
    return replace_clients(parts, _Telling)
