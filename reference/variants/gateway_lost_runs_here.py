"""A client whose gateway is lost runs the turn itself, from the start [OC#112074].

Breaks FLO-9. The gateway had accepted it, and nobody knows how far it had come.
"""

from __future__ import annotations

from reference.commands.agent import run_here
from reference.errors import Ambiguous
from reference.gateway import client
from reference.runs import new_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline
    from reference.home import Home
    from reference.parts import Parts
    from reference.request import Request
    from reference.result import Result

BREAKS = ("FLO-9",)


class FallsBack:
    """The client's end, with a second way to run a turn."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.home: Home

    def connect(self, home: Home, deadline: Deadline) -> client.Connection | None:
        """See `client.connect`."""
        self.home = home
        return client.connect(home, deadline)

    def run(self, connection: client.Connection, request: Request, deadline: Deadline, *, detach: bool) -> Result:
        """Run the turn in the gateway, or here. Raises what either does."""
        try:
            return client.run(connection, request, deadline, detach=detach)
        except Ambiguous:
            again = request._replace(run_id=new_id("r"), via="local")
            return run_here(self.parts, self.home, again, deadline, lambda event: None)


def replace(parts: Parts) -> Parts:
    """Swap the gateway's client."""
    return parts.replace(gateway_client=lambda: FallsBack(parts))
