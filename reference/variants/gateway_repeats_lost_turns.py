"""A gateway whose worker is gone starts the turn once more, from the start [OC#112074].

Breaks FLO-9. Whatever the lost one had already done, such as running a tool, is done again, and nobody is told.
"""

from __future__ import annotations

from reference.gateway.server import Server
from reference.gateway.workers import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("FLO-9",)


class _Server(Server):
    """Takes a worker that says nothing for one that has done nothing."""

    def _reap(self, worker: Worker) -> None:
        self._hear(worker)
        client = self.workers[worker]
        if worker.document is not None or client is None or worker in self.last:
            super()._reap(worker)
            return
        self.workers[worker] = None
        super()._reap(worker)
        client.worker = self._start(client, worker.request)


def replace(parts: Parts) -> Parts:
    """Swap the gateway."""
    return parts.replace(gateway_server=_Server)
