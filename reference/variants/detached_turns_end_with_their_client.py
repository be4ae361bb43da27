"""The gateway ends a turn whose client has gone, also that of one which had asked not to wait for it.

Breaks MSG-5. The command has said that the turn goes on, and nobody looks for a turn that was cancelled by its own end.
"""

from __future__ import annotations

from typing import Any

from reference.gateway import server
from reference.parts import Parts

BREAKS = ("MSG-5",)


class _Server(server.Server):
    def _run(self, client: server.Client, line: dict[str, Any]) -> None:
        super()._run(client, line)
        client.detached = False


def replace(parts: Parts) -> Parts:
    """Swap the gateway."""
    return parts.replace(gateway_server=_Server)
