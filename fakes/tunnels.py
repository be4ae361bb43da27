"""CONNECT: a client that takes the fakes for a proxy gets TLS in place, for the vendors' names alone."""

import asyncio
import contextlib

from fakes.events import ConnectionRefusedHost
from fakes.exchange import Record
from fakes.wire.connection import Connection
from fakes.wire.http import HttpReply
from fakes.wire.secure import HANDSHAKE_SECONDS
from fakes.wire.sse import to_bytes
from fakes.wire.tls import SERVED_HOSTS, Authority


class Tunnels:
    """The tunnels of one server. `handshakes` are the tasks of those that do not stand yet."""

    def __init__(self, authority: Authority, record: Record) -> None:
        self.handshakes: set[asyncio.Task[None]] = set()
        self._authority = authority
        self._record = record

    def open(self, connection: Connection, host: str, port: int) -> None:
        """Answer a CONNECT request."""
        if host not in SERVED_HOSTS or port != 443:
            self._record(ConnectionRefusedHost(host=host, port=port))
            body = to_bytes({"error": {"message": f"the fakes do not serve {host}:{port}"}})
            connection.answer(HttpReply(status=403, body=body), keep_alive=False)
            return
        task = asyncio.get_running_loop().create_task(self._secure(connection, host))
        self.handshakes.add(task)
        task.add_done_callback(self.handshakes.discard)

    async def _secure(self, connection: Connection, host: str) -> None:
        context = self._authority.context()
        transport = connection.expect_tls(host)
        if transport is None:
            return
        # No await between the answer and start_tls: the client's hello must find TLS in place.
        transport.write(b"HTTP/1.1 200 Connection Established\r\n\r\n")
        loop = asyncio.get_running_loop()
        secured = None
        try:
            with contextlib.suppress(OSError):  # ssl.SSLError is one: a failed handshake ends as an empty tunnel
                secured = await loop.start_tls(
                    transport, connection, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
                )
        finally:
            # A transport that is lost during the handshake does not tell its protocol.
            if secured is None:
                transport.abort()
                connection.connection_lost(None)
        if secured is not None:
            connection.upgraded(secured)
