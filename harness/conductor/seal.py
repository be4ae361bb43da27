"""The sealed network: a target may talk to loopback, and to nothing else.

Every connect, every addressed datagram and every socket for a device's frames of a target's tree stops here. Loopback,
Unix sockets and netlink pass. A connect to an address that stands for a name is made to lead to a fake, where a run has
such names. Anything else gets ENETUNREACH, as on a machine without a route, and is reported; so does the name service's
port on loopback, where a resolver may listen that would carry names outside. Sources: connect(2), sendmsg(2), ip(7),
ipv6(7), packet(7).

It cannot see through a Unix socket: a daemon that listens on one may do a target's errand outside. Those of the name
services are refused without a word where names are redirected: a C library asks them of its own accord.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.conductor import operands
from harness.conductor.names import Address
from harness.conductor.operands import CALLERS_OWN_FAULT
from harness.conductor.redirect import NAME_SERVICE, Redirect
from harness.conductor.stopped import StoppedCall

_MMSGHDR_SIZE = 64  # struct mmsghdr on x86-64: a struct msghdr of 56 bytes, a length, padding
_MAX_ADDRESS = 128  # sizeof(struct sockaddr_storage)
_MAX_MESSAGES = 1024  # UIO_MAXIOV, the most that one sendmmsg takes
# nscd(8), systemd-resolved(8), Avahi; each is also known below /var/run.
_NAME_DAEMONS = frozenset(
    {
        "/run/nscd/socket",
        "/run/systemd/resolve/io.systemd.Resolve",
        "/run/avahi-daemon/socket",
    }
)
_LOCAL = frozenset({socket.AF_UNIX, socket.AF_NETLINK, socket.AF_UNSPEC})


@dataclass(frozen=True, slots=True)
class _Outside:
    """Somewhere that is not this machine."""

    words: str
    address: Address | None = None
    port: int = 0


class Seal:
    """Refuses what would leave loopback, and tells `refused(actor, address)`; names lead where `redirect` says."""

    def __init__(self, refused: Callable[[str, str], None], redirect: Redirect | None = None) -> None:
        self._refused = refused
        self._redirect = redirect

    def take(self, call: StoppedCall) -> bool:
        if self._redirect is not None and _asks_name_daemon(call):
            call.fail(errno.ECONNREFUSED)
            return True
        outside = _first_outside(call)
        if outside is None:
            return False
        if self._leads_to_fake(call, outside):
            return True
        self._refused(call.actor, self._in_words(outside))
        call.fail(errno.ENETUNREACH)
        return True

    def _leads_to_fake(self, call: StoppedCall, outside: _Outside) -> bool:
        if self._redirect is None or outside.address is None or call.kind.name != "connect":
            return False
        return self._redirect.take(call, outside.address, outside.port)

    def _in_words(self, outside: _Outside) -> str:
        """The address, and the name that led the target to it if that is one of ours."""
        name = self._redirect.names.name_of(outside.address) if self._redirect and outside.address else None
        return f"{name}:{outside.port}" if name else outside.words


def _first_outside(call: StoppedCall) -> _Outside | None:
    """The first address of the call that is not this machine. Raises OSError when we cannot look."""
    connecting = call.kind.name == "connect"
    try:
        return next(filter(None, (_outside(raw, connecting=connecting) for raw in _addresses(call))), None)
    except OSError as error:
        if error.errno in CALLERS_OWN_FAULT:  # what stood before it is local, and here the kernel stops by itself
            return None
        raise


def connected(call: StoppedCall) -> bytes:
    """The raw address of a connect; nothing for another call, or if the kernel will refuse to read it too.

    Raises OSError when we cannot look.
    """
    if call.kind.name != "connect":
        return b""
    try:
        return _address(call, call.args[1], call.args[2])
    except OSError as error:
        if error.errno in CALLERS_OWN_FAULT:
            return b""
        raise


def _asks_name_daemon(call: StoppedCall) -> bool:
    """Whether a connect is to a daemon that looks names up for others. Raises OSError when we cannot look."""
    raw = connected(call)
    local = len(raw) > 2 and struct.unpack_from("=H", raw)[0] == socket.AF_UNIX
    return local and os.fsdecode(raw[2:].split(b"\0", 1)[0]).removeprefix("/var") in _NAME_DAEMONS


def _addresses(call: StoppedCall) -> Iterator[bytes]:
    """The raw socket addresses that a call names, in the order in which the kernel takes them."""
    if call.kind.name == "socket":  # for frames, which need no address to leave by; one for the internet has none yet
        yield struct.pack("=H", call.args[0] & 0xFFFF)
    elif call.kind.name == "connect":
        yield _address(call, call.args[1], call.args[2])
    elif call.kind.name == "sendto":
        yield _address(call, call.args[4], call.args[5])
    elif call.kind.name == "sendmsg":
        yield from _named(call, call.args[1])
    else:
        for number in range(min(call.args[2] & 0xFFFFFFFF, _MAX_MESSAGES)):
            yield from _named(call, call.args[1] + _MMSGHDR_SIZE * number)


def _named(call: StoppedCall, header: int) -> Iterator[bytes]:
    """The address of one message, if it has one: msg_name and msg_namelen begin its header."""
    raw = operands.read_memory(call.thread, header, 12)
    if len(raw) == 12 and (pointer := struct.unpack_from("=Q", raw)[0]):
        yield _address(call, pointer, struct.unpack_from("=I", raw, 8)[0])


def _address(call: StoppedCall, pointer: int, length: int) -> bytes:
    return operands.read_memory(call.thread, pointer, min(length & 0xFFFFFFFF, _MAX_ADDRESS))


def _outside(raw: bytes, *, connecting: bool) -> _Outside | None:
    """The address if it is not this machine, else None."""
    if len(raw) < 2:
        return None
    family = struct.unpack_from("=H", raw)[0]
    if family == socket.AF_UNSPEC and not connecting and len(raw) >= 8:
        family = socket.AF_INET  # a datagram to it is sent as if it said so; connect dissolves an association
    if family == socket.AF_INET and len(raw) >= 8:
        host: Address = ipaddress.IPv4Address(raw[4:8])
    elif family == socket.AF_INET6 and len(raw) >= 24:
        host = ipaddress.IPv6Address(raw[8:24])
        host = host.ipv4_mapped or host
    elif family in _LOCAL or family in (socket.AF_INET, socket.AF_INET6):  # too short: EINVAL
        return None
    else:
        return _Outside(f"address family {family}")
    port = struct.unpack_from("!H", raw, 2)[0]
    local = host.is_loopback or host.is_unspecified  # the unspecified address means this machine too
    if local and port != NAME_SERVICE:
        return None
    return _Outside(f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}", host, port)
