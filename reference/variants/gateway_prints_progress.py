"""A turn in the gateway tells what it does, and its client prints that before the document, on standard output.

Breaks OPS-2. Without a gateway there is one document; scripts that were tried so fail with one [OC#128516].
"""

from __future__ import annotations

from reference import streams
from reference.gateway import client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.deadline import Deadline
    from reference.parts import Parts
    from reference.request import Request
    from reference.result import Result

BREAKS = ("OPS-2",)


class _Talkative:
    """The client's end, which says where the turn is."""

    connect = staticmethod(client.connect)

    @staticmethod
    def run(connection: Any, request: Request, deadline: Deadline, *, detach: bool) -> Result:
        """Say so, and wait. Raises what the client raises."""
        streams.write_output(f"run {request.run_id} is in gateway {connection.pid}\n".encode())
        return client.run(connection, request, deadline, detach=detach)


def replace(parts: Parts) -> Parts:
    """Swap the gateway's client."""
    return parts.replace(gateway_client=_Talkative)
