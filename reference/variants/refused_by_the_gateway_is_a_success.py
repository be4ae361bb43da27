"""A client that the gateway refuses takes that for the end of its turn, like any other last word, and exits 0.

Breaks RES-3. A gateway that has no descriptor left for a turn says so, and nobody hears it.
"""

from __future__ import annotations

from reference.gateway import client
from reference.result import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline
    from reference.gateway.client import Connection
    from reference.parts import Parts
    from reference.request import Request

BREAKS = ("RES-3",)


class _Client:
    connect = staticmethod(client.connect)

    @staticmethod
    def run(connection: Connection, request: Request, deadline: Deadline, *, detach: bool) -> Result:
        """Have the turn done, or not."""
        try:
            return client.run(connection, request, deadline, detach=detach)
        except client.Remote as refused:
            if "run" in refused.context:  # the failure of a turn that had begun
                raise
            run = {"id": request.run_id, "agent": request.agent, "session": request.session}
            return Result({"ok": True, "run": run, "text": "", "attempts": [], "via": "gateway"}, "")


def replace(parts: Parts) -> Parts:
    """Swap the client's end."""
    return parts.replace(gateway_client=lambda: _Client)
