"""The gateway is not told whose tool asks for a turn: each turn is the first of its kind there [OC#118625].

Breaks LCK-7. A tool that has the gateway do a turn in its own session waits for a turn that waits for the tool.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline
    from reference.gateway.client import Connection
    from reference.home import Home
    from reference.parts import Parts
    from reference.request import Request
    from reference.result import Result

BREAKS = ("LCK-7",)


class _Client:
    """The gateway's client, but for what it says of the request."""

    @staticmethod
    def connect(home: Home, deadline: Deadline) -> Connection | None:
        from reference.gateway import client

        return client.connect(home, deadline)

    @staticmethod
    def run(connection: Connection, request: Request, deadline: Deadline, *, detach: bool) -> Result:
        from reference.gateway import client

        return client.run(connection, request._replace(chain=""), deadline, detach=detach)


def replace(parts: Parts) -> Parts:
    """Swap the gateway's client."""
    return parts.replace(gateway_client=lambda: _Client)
