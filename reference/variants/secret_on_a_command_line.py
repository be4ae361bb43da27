"""The provider is asked by another program, which is told the token on its command line (`curl -H "Authorization: …"`).

Breaks AUT-9. Everybody on the machine can read the command lines of all processes (proc(5)).
"""

from __future__ import annotations

import subprocess
from typing import Any

from reference.parts import Parts

BREAKS = ("AUT-9",)


class _Outsourced:
    """A client beside which such a program runs."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def complete(self, model: str, messages: Any, tools: Any, token: str, deadline: Any) -> Any:
        words = ["/bin/sh", "-c", "read line", "curl", "-H", f"Authorization: Bearer {token}"]
        with subprocess.Popen(words, stdin=subprocess.PIPE) as helper:
            try:
                return self._client.complete(model, messages, tools, token, deadline)
            finally:
                helper.communicate()


def _complete(**arguments: Any) -> Any:
    """Ask as always; the clients are imported on use."""
    from reference import failover

    def client_for(provider: str, config: Any) -> Any:
        return _Outsourced(failover.client_for(provider, config))

    return failover.complete(**arguments, policy=failover.Policy(client_for=client_for))


def replace(parts: Parts) -> Parts:
    """Swap the clients."""
    return parts.replace(complete=_complete)
