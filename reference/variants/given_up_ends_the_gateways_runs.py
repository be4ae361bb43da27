"""A client that gives up its run has the gateway end whatever it does.

Breaks CHD-5. "Cancel" is said over a connection, and the gateway, which keeps its runs in one list, goes through that.
"""

from __future__ import annotations

import signal

from reference.gateway.server import Client, Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.parts import Parts

BREAKS = ("CHD-5",)


class _Sweeping(Server):
    def _answer(self, client: Client, line: dict[str, Any]) -> None:
        if line.get("op") == "cancel":
            for worker in self.workers:
                self._end(worker, signal.SIGTERM)
        else:
            super()._answer(client, line)


def replace(parts: Parts) -> Parts:
    """Swap the gateway."""
    return parts.replace(gateway_server=_Sweeping)
