"""A gateway accepts a run and leaves it to the worker to put it on record [OC#50563].

Breaks CHD-8. If it is killed in between, whoever was told that the run goes on finds no trace of it.
"""

from __future__ import annotations

import time

from reference.gateway.server import Client, Server
from reference.request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.parts import Parts

BREAKS = ("CHD-8",)


class _Server(Server):
    def _run(self, client: Client, line: dict[str, Any]) -> None:
        """Start the worker, and accept the run."""
        request = Request.from_fields(line["request"])
        client.worker = self._start(client, request)
        client.detached = bool(line.get("detach"))
        about = {"id": request.run_id, "agent": request.agent, "session": request.session}
        process = {"status": "running", "pid": client.worker.process.pid, "started": time.time()}
        self._send(client, {"event": "accepted", "run": about | process})


def replace(parts: Parts) -> Parts:
    """Swap the gateway."""
    return parts.replace(gateway_server=_Server)
