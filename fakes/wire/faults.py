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
    guarded = transport.get_extra_info("socket")
    if guarded is None or guarded.fileno() < 0:
        return 0
    answer = fcntl.ioctl(guarded.fileno(), termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(answer, sys.byteorder)
