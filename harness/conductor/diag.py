"""What the kernel tells of the sockets of this network namespace: sock_diag(7), one question a call.

It answers in the time that it takes to look at those that are asked for, where /proc/net/tcp shows all of the machine.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

_DIAG, _DUMP = 4, 0x301  # NETLINK_SOCK_DIAG; NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH
_BY_FAMILY, _ERROR, _DONE = 20, 2, 3  # SOCK_DIAG_BY_FAMILY, NLMSG_ERROR, NLMSG_DONE
_HEADER = struct.Struct("=IHHII")  # nlmsghdr
_UNIX, _INTERNET = struct.Struct("=BBHIIIII"), struct.Struct("=BBBBI48x")  # unix_diag_req, inet_diag_req_v2
_PAGE = 1 << 16  # bytes: more than the kernel sends at once
CLOSED, LISTENS = 7, 10  # TCP_CLOSE, TCP_LISTEN: of Unix sockets too, of which the first are those not connected


def unix(states: int, show: int) -> Iterator[bytes]:
    """A unix_diag_msg, with what is to be shown behind it, for each in one of the states (bits). Raises OSError."""
    return _dumped(_UNIX.pack(socket.AF_UNIX, 0, 0, states, 0, show, 0, 0))


def tcp(family: int, states: int) -> Iterator[bytes]:
    """An inet_diag_msg for each of AF_INET or AF_INET6 in one of the states. Raises OSError."""
    return _dumped(_INTERNET.pack(family, socket.IPPROTO_TCP, 0, 0, states))


def pieces(data: bytes, head: struct.Struct, size: int) -> Iterator[tuple[int, bytes]]:
    """The messages of a datagram, or the attributes of a message: each begins with its length and its type."""
    while len(data) >= size:
        length, kind = head.unpack_from(data)[:2]
        yield kind, data[size:length]
        data = data[(length + 3) & ~3 :]


def _dumped(request: bytes) -> Iterator[bytes]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _DIAG) as kernel:
        kernel.send(_HEADER.pack(_HEADER.size + len(request), _BY_FAMILY, _DUMP, 0, 0) + request)
        while True:
            for kind, body in pieces(kernel.recv(_PAGE), _HEADER, _HEADER.size):
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    raise OSError(-int.from_bytes(body[:4], "little", signed=True), "sock_diag")
                yield body
