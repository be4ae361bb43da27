"""Each request to a provider is written into a log, headers and all.

Breaks AUT-9. The log is closed to others, and is what people attach to a report of an error.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from reference import durable
from reference.deadline import Deadline
from reference.messages import Message, Reply, ToolSpec
from reference.parts import Parts
from reference.variants._clients import Wrapped, replace_clients

BREAKS = ("AUT-9",)


class _Logged(Wrapped):
    """A client that leaves a line behind for each request."""

    def complete(
        self, model: str, messages: Sequence[Message], tools: Sequence[ToolSpec], token: str, deadline: Deadline
    ) -> Reply:
        log = os.path.join(os.environ["REFERENCE_HOME"], "debug.log")
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            with durable.naming(log):
                os.write(descriptor, f"POST {model} authorization: Bearer {token}\n".encode())
        finally:
            os.close(descriptor)
        return self._client.complete(model, messages, tools, token, deadline)


def replace(parts: Parts) -> Parts:
    """Swap the clients."""
    return replace_clients(parts, _Logged)
