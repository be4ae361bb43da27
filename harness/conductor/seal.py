"""The sealed network: a target may talk to loopback, and to nothing else.

Every connect and every addressed datagram of a target's tree stops here. Loopback, Unix sockets and netlink pass;
anything else gets ENETUNREACH, as on a machine without a route, and is reported; so does the name service's port on
loopback, where a resolver may listen that would carry names outside. Sources: connect(2), sendmsg(2), ip(7), ipv6(7).

It cannot see through a Unix socket: a daemon that listens on one may do a target's errand outside.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections.abc import Callable, Iterator

from harness.conductor import calls
from harness.conductor.supervisor import CALLERS_OWN_FAULT, StoppedCall

_MMSGHDR_SIZE = 64  # struct mmsghdr on x86-64: a struct msghdr of 56 bytes, a length, padding
_MAX_ADDRESS = 128  # sizeof(struct sockaddr_storage)
_MAX_MESSAGES = 1024  # UIO_MAXIOV, the most that one sendmmsg takes
_NAME_SERVICE = 53  # RFC 1035, section 4.2
_LOCAL = frozenset({socket.AF_UNIX, socket.AF_NETLINK, socket.AF_UNSPEC})


class Seal:
    """Refuses what would leave loopback; `refused(actor, address)` is told."""

    def __init__(self, refused: Callable[[str, str], None]) -> None:
        self._refused = refused

    def take(self, call: StoppedCall) -> bool:
        outside = _first_outside(call)
        if outside is None:
            return False
        self._refused(call.actor, outside)
        call.fail(errno.ENETUNREACH)
        return True


def _first_outside(call: StoppedCall) -> str | None:
    """The first address of the call that is not this machine. Raises OSError when we cannot look."""
    connecting = call.kind.name == "connect"
    try:
        return next(filter(None, (_outside(raw, connecting=connecting) for raw in _addresses(call))), None)
    except OSError as error:
        if error.errno in CALLERS_OWN_FAULT:  # what stood before it is local, and here the kernel stops by itself
            return None
        raise


def _addresses(call: StoppedCall) -> Iterator[bytes]:
    """The raw socket addresses that a call names, in the order in which the kernel takes them."""
    if call.kind.name == "connect":
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
    raw = calls.read_memory(call.thread, header, 12)
    if len(raw) == 12 and (pointer := struct.unpack_from("=Q", raw)[0]):
        yield _address(call, pointer, struct.unpack_from("=I", raw, 8)[0])


def _address(call: StoppedCall, pointer: int, length: int) -> bytes:
    return calls.read_memory(call.thread, pointer, min(length & 0xFFFFFFFF, _MAX_ADDRESS))


def _outside(raw: bytes, *, connecting: bool) -> str | None:
    """The address in words if it is not this machine, else None."""
    if len(raw) < 2:
        return None
    family = struct.unpack_from("=H", raw)[0]
    if family == socket.AF_UNSPEC and not connecting and len(raw) >= 8:
        family = socket.AF_INET  # a datagram to it is sent as if it said so; connect dissolves an association
    if family == socket.AF_INET and len(raw) >= 8:
        host: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.IPv4Address(raw[4:8])
    elif family == socket.AF_INET6 and len(raw) >= 24:
        host = ipaddress.IPv6Address(raw[8:24])
        host = host.ipv4_mapped or host
    elif family in _LOCAL or family in (socket.AF_INET, socket.AF_INET6):  # too short: EINVAL
        return None
    else:
        return f"address family {family}"
    port = struct.unpack_from("!H", raw, 2)[0]
    local = host.is_loopback or host.is_unspecified  # the unspecified address means this machine too
    if local and port != _NAME_SERVICE:
        return None
    return f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}"
