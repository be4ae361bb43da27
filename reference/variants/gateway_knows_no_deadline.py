"""The gateway is not told of --timeout, and its client goes when that is over: the turn goes on in the gateway.

Breaks MSG-5 and OPS-3. Whoever tries again works side by side with the turn that was given up, and a worker that is
stopped keeps its session for good.
"""

from __future__ import annotations

from reference.errors import Stopped
from reference.gateway import client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline
    from reference.gateway.client import Connection
    from reference.parts import Parts
    from reference.request import Request
    from reference.result import Result

BREAKS = ("MSG-5", "OPS-3")


class _Client:
    connect = staticmethod(client.connect)

    @staticmethod
    def run(connection: Connection, request: Request, deadline: Deadline, *, detach: bool) -> Result:
        """Have the turn done; the gateway need not end it when its client goes."""
        fields = request.fields() | {"timeout": None, "via": "gateway"}
        connection.send({"op": "run", "request": fields, "detach": True}, deadline)
        try:
            return client._follow(connection, request, detach=detach)
        except Stopped as stopped:
            if stopped.code == "deadline":
                raise
            raise client._stopped(connection, request, stopped) from None


def replace(parts: Parts) -> Parts:
    """Swap the client's end."""
    return parts.replace(gateway_client=lambda: _Client)
