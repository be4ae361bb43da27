"""A machine that has no local port left, or no descriptor: the connection that needs one fails before it is begun.

What connect(2) says then (EADDRNOTAVAIL), or socket(2) (EMFILE), is this machine's own trouble, as no server has heard
of anything. One connection alone fails: all providers are fakes at one address, so that a later one may be to somebody
else.
"""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.conductor.redirect import NAME_SERVICE
from harness.conductor.seal import connected
from harness.conductor.stopped import Director, StoppedCall

if TYPE_CHECKING:
    from harness.lab.nemesis import Nemesis

_ADDRESS = struct.Struct("=H2s")  # the family, and the port in network order, begin struct sockaddr_in and sockaddr_in6
_NO_STREAM = (0, NAME_SERVICE)  # ports to which the C library "connects" datagram sockets to look names up
_INTERNET = (socket.AF_INET, socket.AF_INET6)
_KIND = 0xF  # the bits of socket(2)'s type that are no flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """What the next connection is not to get; `fault` names it in the journal."""

    fault: str
    of: Literal["port", "descriptor"]

    @property
    def error(self) -> int:
        """The errno of the call that needs it."""
        return errno.EADDRNOTAVAIL if self.of == "port" else errno.EMFILE

    def is_met_by(self, call: StoppedCall) -> bool:
        """Whether the call is the one that needs it. Raises OSError when we cannot look."""
        return _begins_a_connection(call) if self.of == "port" else _makes_a_socket(call)


class Ports:
    """A director that stands before the seal."""

    def __init__(self, seal: Director, nemesis: Nemesis) -> None:
        self._seal = seal
        self._nemesis = nemesis

    def take(self, call: StoppedCall) -> bool:
        lack = self._nemesis.lack
        if lack is None or not lack.is_met_by(call):
            return self._seal.take(call)
        self._nemesis.lack = None
        if call.fail(lack.error):
            self._nemesis.fired(lack.fault)
        return True


def _begins_a_connection(call: StoppedCall) -> bool:
    """Whether the call connects over a network. Raises OSError when we cannot look."""
    raw = connected(call)
    if len(raw) < _ADDRESS.size:
        return False
    family, port = _ADDRESS.unpack_from(raw)
    return family in _INTERNET and int.from_bytes(port, "big") not in _NO_STREAM


def _makes_a_socket(call: StoppedCall) -> bool:
    """Whether the call makes a socket for connections over a network."""
    return call.kind.name == "socket" and call.args[0] in _INTERNET and call.args[1] & _KIND == socket.SOCK_STREAM
