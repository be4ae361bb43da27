"""A repair takes the socket of a gateway for one that a crash has left, whether a gateway listens there or not.

Breaks OPS-6. The gateway goes on, with its turns, and nobody reaches it any more. No single thread.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from reference.commands import doctor
from reference.gateway import protocol
from reference.home import Home
from reference.parts import Parts

BREAKS = ("OPS-6",)


def _socket(home: Home) -> Iterator[doctor.Problem]:
    path = os.path.join(home.path, protocol.SOCKET)
    if protocol.is_socket(path):
        yield doctor.Problem("socket-left", path, f"{path} was left by a gateway", doctor._remover(path))


def replace(parts: Parts) -> Parts:
    """Swap what a check-up takes for left."""
    doctor._socket = _socket
    return parts
