"""A gateway goes on with a turn whose client was ended, as it has the turn now [OC#118929].

Breaks MSG-5. Ctrl-C ends the command and not its turn: what the user types next meets a turn that still writes.
"""

from __future__ import annotations

from reference.gateway.server import Client, Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.parts import Parts

BREAKS = ("MSG-5",)


class _Server(Server):
    """Knows no cancel, and takes every client for one that has detached."""

    def _answer(self, client: Client, line: dict[str, Any]) -> None:
        if line.get("op") != "cancel":
            super()._answer(client, line)
            client.detached = True


def replace(parts: Parts) -> Parts:
    """Swap the gateway."""
    return parts.replace(gateway_server=_Server)
