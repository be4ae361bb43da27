"""Breaking a connection on purpose, below what HTTP can express.

Only the last step: which connection breaks, and after which byte, is decided by the script.
"""

import asyncio
import fcntl
import os
import socket
import struct
import sys
import termios

_TCP_CLOSE = 7  # in Linux' tcp_states.h


def reset_transport(transport: asyncio.Transport) -> None:
    """Drop a connection with RST instead of FIN.

    With SO_LINGER on and a time of 0, close(2) discards the send queue and resets (socket(7), tcp(7)). The
    option belongs to the open socket, so it is set through a duplicate descriptor: event loops guard their
    own.
    """
    guarded = transport.get_extra_info("socket")
    if guarded is not None and guarded.fileno() >= 0:
        with socket.socket(fileno=os.dup(guarded.fileno())) as own:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def undelivered(transport: asyncio.Transport) -> int:
    """How many bytes the peer's kernel has not acknowledged yet (SIOCOUTQ, tcp(7)).

    A reset discards them, so that bytes promised before a reset must have left this queue first.
    """
    return _queued(transport, termios.TIOCOUTQ)


def unread(transport: asyncio.Transport) -> int:
    """How many bytes of the peer's nobody has read yet (SIOCINQ, tcp(7)). To close over them resets the connection."""
    return _queued(transport, termios.FIONREAD)


def is_over(transport: asyncio.Transport) -> bool:
    """Whether the peer has reset the connection, which nobody is told who no longer reads it (TCP_INFO, tcp(7))."""
    guarded = transport.get_extra_info("socket")
    if guarded is None or guarded.fileno() < 0:
        return True
    with socket.socket(fileno=os.dup(guarded.fileno())) as own:
        return own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _TCP_CLOSE


def _queued(transport: asyncio.Transport, which: int) -> int:
    guarded = transport.get_extra_info("socket")
    if guarded is None or guarded.fileno() < 0:
        return 0
    answer = fcntl.ioctl(guarded.fileno(), which, bytes(4))
    return int.from_bytes(answer, sys.byteorder)
