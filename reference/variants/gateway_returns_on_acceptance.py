"""A command returns successfully as soon as the gateway has accepted its run [OC#123427, OC#110946].

Breaks MSG-5. Whoever scripts it takes the acceptance for the result: what comes next meets a turn that still writes.
"""

from __future__ import annotations

from reference.gateway import client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.deadline import Deadline
    from reference.parts import Parts
    from reference.request import Request
    from reference.result import Result

BREAKS = ("MSG-5",)
MAY_BREAK = ("CHD-8", "FLO-9", "MSG-6")  # whoever has gone with a success learns of no loss, and of no answer


class Hasty:
    """The client's end, which detaches whether it was asked to or not."""

    connect = staticmethod(client.connect)

    @staticmethod
    def run(connection: Any, request: Request, deadline: Deadline, *, detach: bool) -> Result:
        """Hand the run over and go. Raises what the client raises until then."""
        return client.run(connection, request, deadline, detach=True)


def replace(parts: Parts) -> Parts:
    """Swap the gateway's client."""
    return parts.replace(gateway_client=Hasty)
