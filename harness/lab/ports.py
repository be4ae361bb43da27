"""A machine that has no local port left: the connection that needs one fails before the network's seal sees it.

What connect(2) says then (EADDRNOTAVAIL) is this machine's own trouble, as no server has heard of anything. One
connection alone fails: all providers are fakes at one address, so that a later one may be to somebody else.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import TYPE_CHECKING

from harness.conductor.redirect import NAME_SERVICE
from harness.conductor.seal import connected
from harness.conductor.stopped import Director, StoppedCall

if TYPE_CHECKING:
    from harness.lab.nemesis import Nemesis

_ADDRESS = struct.Struct("=H2s")  # the family, and the port in network order, begin struct sockaddr_in and sockaddr_in6
_NO_STREAM = (0, NAME_SERVICE)  # ports to which the C library "connects" datagram sockets to look names up


class Ports:
    """A director that stands before the seal."""

    def __init__(self, seal: Director, nemesis: Nemesis) -> None:
        self._seal = seal
        self._nemesis = nemesis

    def take(self, call: StoppedCall) -> bool:
        fault = self._nemesis.portless
        if not fault or not _begins_a_connection(call):
            return self._seal.take(call)
        self._nemesis.portless = ""
        if call.fail(errno.EADDRNOTAVAIL):
            self._nemesis.fired(fault)
        return True


def _begins_a_connection(call: StoppedCall) -> bool:
    """Whether the call connects over a network. Raises OSError when we cannot look."""
    raw = connected(call)
    if len(raw) < _ADDRESS.size:
        return False
    family, port = _ADDRESS.unpack_from(raw)
    return family in (socket.AF_INET, socket.AF_INET6) and int.from_bytes(port, "big") not in _NO_STREAM
