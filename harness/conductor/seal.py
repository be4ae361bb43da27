"""The sealed network: a target may talk to loopback, and to nothing else.

Every connect and every addressed datagram of a target's tree stops here. Loopback, Unix sockets and netlink pass;
anything else gets ENETUNREACH, as on a machine without a route, and is reported. Sources: connect(2), sendmsg(2),
ip(7), ipv6(7).
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections.abc import Callable

from harness.conductor import calls
from harness.conductor.supervisor import StoppedCall

_MSGHDR_SIZE = 56  # struct msghdr on x86-64; struct mmsghdr is 8 bytes longer
_MMSGHDR_SIZE = 64
_MAX_ADDRESS = 128  # sizeof(struct sockaddr_storage)
_MAX_MESSAGES = 1024  # UIO_MAXIOV, the most that one sendmmsg takes


class Seal:
    """Refuses what would leave loopback; `refused(actor, address)` is told."""

    def __init__(self, refused: Callable[[str, str], None]) -> None:
        self._refused = refused

    def take(self, call: StoppedCall) -> bool:
        try:
            outside = next((name for name in map(_outside, _addresses(call)) if name), None)
        except OSError:  # an address that cannot be read: the kernel answers EFAULT itself
            return False
        if outside is None:
            return False
        self._refused(call.actor, outside)
        call.fail(errno.ENETUNREACH)
        return True


def _addresses(call: StoppedCall) -> list[bytes]:
    """The raw socket addresses that a call names."""
    if call.kind.name == "connect":
        return [_address(call, call.args[1], call.args[2])]
    if call.kind.name == "sendto":
        return [_address(call, call.args[4], call.args[5])]
    count = min(call.args[2] & 0xFFFFFFFF, _MAX_MESSAGES) if call.kind.name == "sendmmsg" else 1
    step = _MMSGHDR_SIZE if call.kind.name == "sendmmsg" else _MSGHDR_SIZE
    headers = [calls.read_memory(call.thread, call.args[1] + step * i, 12) for i in range(count)]
    named = [struct.unpack("=QI", header) for header in headers]
    return [_address(call, pointer, length) for pointer, length in named if pointer]


def _address(call: StoppedCall, pointer: int, length: int) -> bytes:
    return calls.read_memory(call.thread, pointer, min(length & 0xFFFFFFFF, _MAX_ADDRESS))


def _outside(raw: bytes) -> str | None:
    """The address in words if it is not this machine, else None."""
    if len(raw) < 2:
        return None
    family = struct.unpack_from("=H", raw)[0]
    if family == socket.AF_INET and len(raw) >= 8:
        host: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.IPv4Address(raw[4:8])
    elif family == socket.AF_INET6 and len(raw) >= 24:
        host = ipaddress.IPv6Address(raw[8:24])
        host = host.ipv4_mapped or host
    else:
        return None  # Unix sockets, netlink, AF_UNSPEC (dissolves an association)
    if host.is_loopback or host.is_unspecified:  # the unspecified address means this machine too
        return None
    port = struct.unpack_from("!H", raw, 2)[0]
    return f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}"
