"""A gateway that starts takes up again what the one before it had not finished, from the start.

Breaks FLO-9. The turn had come nobody knows how far, and its client was told that it is lost [OC#112074].
"""

from __future__ import annotations

import json
import os

from reference import durable
from reference.gateway.server import Client, Server
from reference.gateway.workers import Worker
from reference.home import make_private
from reference.parts import Parts
from reference.request import Request
from reference.runs import new_id

BREAKS = ("FLO-9",)
MAY_BREAK = ("CHD-8",)  # the list after the restart may show a run of the first gateway as running


class _Server(Server):
    """Keeps the requests that it has accepted in files until they are done."""

    @property
    def notes(self) -> str:
        return os.path.join(self.home.path, "accepted")

    def listen(self) -> None:
        super().listen()
        make_private(self.notes)
        for name in os.listdir(self.notes):
            path = os.path.join(self.notes, name)
            request = Request.from_fields(json.loads(durable.read(path)) | {"run_id": new_id("r")})
            os.unlink(path)
            worker = self._start(Client(self.listener), request)
            self.workers[worker] = None  # nobody waits for it

    def _start(self, client: Client, request: Request) -> Worker:
        durable.replace(os.path.join(self.notes, request.run_id), json.dumps(request.fields()).encode())
        return super()._start(client, request)

    def _reap(self, worker: Worker) -> None:
        super()._reap(worker)
        os.unlink(os.path.join(self.notes, worker.request.run_id))


def replace(parts: Parts) -> Parts:
    """Swap the gateway."""
    return parts.replace(gateway_server=_Server)
