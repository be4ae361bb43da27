"""Listens for connections that speak TLS from their first byte.

The event loops' own servers do so too, but whoever closes one is left with the sockets, and with asyncio the tasks, of
all whose handshake is not over: nobody else knows of them, for up to a minute.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from functools import partial

HANDSHAKE_SECONDS = 10.0
_RETRY_SECONDS = 1.0  # as asyncio's servers wait when no descriptor is left


class SecureListener:
    """One listening socket and the handshakes that are under way. `make` gives the protocol of each connection."""

    def __init__(self, listening: socket.socket, context: ssl.SSLContext, make: Callable[[], asyncio.Protocol]) -> None:
        self._listening = listening
        self._context = context
        self._make = make
        self._handshakes: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.get_running_loop().create_task(self._accept())
        self.port: int = listening.getsockname()[1]

    @classmethod
    async def start(
        cls, host: str, context: ssl.SSLContext, make: Callable[[], asyncio.Protocol], backlog: int
    ) -> "SecureListener":
        """Listen at a port that the kernel chooses, on the first address that the host has.

        Raises:
            OSError: the address cannot be had.
        """
        found = await asyncio.get_running_loop().getaddrinfo(host, 0, type=socket.SOCK_STREAM)
        listening = socket.create_server(found[0][4], family=found[0][0], backlog=backlog)
        listening.setblocking(False)
        return cls(listening, context, make)

    async def close(self) -> None:
        """Listen no more, and drop every connection whose handshake is not over."""
        tasks = [self._accepting, *self._handshakes]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listening.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(self._listening)
            except OSError:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            task = loop.create_task(self._shake(client))
            self._handshakes.add(task)
            task.add_done_callback(partial(self._shaken, client))

    async def _shake(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):  # ssl.SSLError is one, and a client that leaves or is late
            await asyncio.get_running_loop().connect_accepted_socket(
                self._make, client, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )

    def _shaken(self, client: socket.socket, task: asyncio.Task[None]) -> None:
        self._handshakes.discard(task)
        if task.cancelled():  # perhaps before its first step, when nobody else had the socket
            client.close()
