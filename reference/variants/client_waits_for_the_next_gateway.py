"""A client whose gateway is lost waits for the next one, as for a lost connection, and gives it the turn.

Breaks FLO-9. The lost turn may have done its work already; it is begun again under a new name, and done twice.
"""

from __future__ import annotations

import time

from reference.errors import Ambiguous
from reference.gateway import client
from reference.home import Home
from reference.request import Request
from reference.runs import new_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline
    from reference.gateway.client import Connection
    from reference.parts import Parts
    from reference.result import Result

BREAKS = ("FLO-9",)

_SECONDS = 30.0
_PAUSE = 0.5  # seconds


class _Client:
    home: Home

    @classmethod
    def connect(cls, home: Home, deadline: Deadline) -> Connection | None:
        """As ever; but it is kept where that was."""
        cls.home = home
        return client.connect(home, deadline)

    @classmethod
    def run(cls, connection: Connection, request: Request, deadline: Deadline, *, detach: bool) -> Result:
        """Have the turn done, by this gateway or by the next."""
        try:
            return client.run(connection, request, deadline, detach=detach)
        except Ambiguous as lost:
            end = time.monotonic() + _SECONDS
            while time.monotonic() < end:
                time.sleep(_PAUSE)
                again = client.connect(cls.home, deadline)
                if again is not None and again.pid != connection.pid:
                    anew = Request.from_fields(request.fields() | {"run_id": new_id("r")})
                    return client.run(again, anew, deadline, detach=detach)
            raise lost


def replace(parts: Parts) -> Parts:
    """Swap the client's end."""
    return parts.replace(gateway_client=lambda: _Client)
