"""The provider is asked by another program, which is told the token on its command line (`curl -H "Authorization: …"`).

Breaks AUT-9. Everybody on the machine can read the command lines of all processes (proc(5)).
"""

from __future__ import annotations

import subprocess
from typing import Any

from reference.parts import Parts
from reference.variants._clients import Wrapped, replace_clients

BREAKS = ("AUT-9",)


class _Outsourced(Wrapped):
    """A client beside which such a program runs."""

    def complete(self, model: str, messages: Any, tools: Any, token: str, deadline: Any) -> Any:
        words = ["/bin/sh", "-c", "read line", "curl", "-H", f"Authorization: Bearer {token}"]
        with subprocess.Popen(words, stdin=subprocess.PIPE) as helper:
            try:
                return self._client.complete(model, messages, tools, token, deadline)
            finally:
                helper.communicate()


def replace(parts: Parts) -> Parts:
    """Swap the clients."""
    return replace_clients(parts, _Outsourced)
