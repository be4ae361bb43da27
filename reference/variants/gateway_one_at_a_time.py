"""A gateway does one turn after the other, whoever they are for [OC#112618].

Breaks LCK-1. An agent whose provider does not answer holds up all the others.
"""

from __future__ import annotations

from reference.gateway.server import Client, Server
from reference.gateway.workers import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("LCK-1",)


class _Server(Server):
    """Keeps what comes while a turn goes on."""

    def __init__(self, parts: Parts, home: Home, grace: float) -> None:
        super().__init__(parts, home, grace)
        self.waiting: list[tuple[Client, dict[str, Any]]] = []

    def _run(self, client: Client, line: dict[str, Any]) -> None:
        if self.workers:
            self.waiting.append((client, line))
        else:
            super()._run(client, line)

    def _reap(self, worker: Worker) -> None:
        super()._reap(worker)
        if self.waiting:
            client, line = self.waiting.pop(0)
            self._answer(client, line)


def replace(parts: Parts) -> Parts:
    """Swap the gateway."""
    return parts.replace(gateway_server=_Server)
