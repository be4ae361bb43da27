"""A client whose turn a gateway does exits 1 when it gets a signal, as for any other failure.

Breaks CHD-7. Whoever has sent the signal is told that the work has failed.
"""

from __future__ import annotations

from reference.errors import EXIT_FAILED
from reference.gateway import client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.errors import Stopped
    from reference.gateway.client import Connection
    from reference.parts import Parts
    from reference.request import Request

BREAKS = ("CHD-7",)

_stopped = client._stopped


def _failed(connection: Connection, request: Request, stopped: Stopped) -> Stopped:
    """The same, with another exit status."""
    error = _stopped(connection, request, stopped)
    error.exit_status = EXIT_FAILED
    return error


def replace(parts: Parts) -> Parts:
    """Swap how a client ends that is stopped."""
    client._stopped = _failed
    return parts
