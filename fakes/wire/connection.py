"""One client connection: bytes in, whole requests out, one at a time and in order.

A request is handed over only when its predecessor's exchange has finished, so pipelined requests are answered
in order (RFC 9112 section 9.3.2). What to answer is decided by the `Server` it is given; how a connection can
be broken on purpose is in `fakes.wire.faults`.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from fakes.wire.faults import is_over, reset_transport, undelivered, unread
from fakes.wire.http import HttpReply, HttpRequest, head_reply
from fakes.wire.reading import Refusal, RequestReader
from fakes.wire.slow import SlowReader

_QUEUE_LIMIT = 16
_LINGER_SECONDS = 2.0
_POLL_SECONDS = 0.001


class Server(Protocol):
    """What a connection needs of its server. Calls come from the event loop, never concurrently."""

    def opened(self, connection: "Connection") -> None:
        """The connection stands."""

    def request(self, connection: "Connection", request: HttpRequest) -> None:
        """Answer a request, now or later, and then call `connection.done`."""

    def refused(self, connection: "Connection", refusal: Refusal) -> None:
        """Answer bytes that are not acceptable HTTP; the connection closes afterwards."""

    def gone(self, connection: "Connection") -> None:
        """The client is gone or the connection was dropped; nothing more can be sent."""


class Connection(asyncio.Protocol):
    """The protocol object of one connection, also across an upgrade to TLS in place."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._jobs: deque[HttpRequest | Refusal] = deque()
        self._busy = False
        self._advancing = False
        self._deaf = False
        self._paused = False
        self._flushing = False
        self._after_flush: Callable[[], None] | None = None
        self._polling = False
        self._half_closed = False
        self._timer: asyncio.TimerHandle | None = None
        self.peer_port = 0
        self._reader = RequestReader(0, "")

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have all of asyncio.Transport without being one, so isinstance would not do.
        self._transport = transport = cast(asyncio.Transport, transport)
        _allow_no_buffer(transport)
        peer = transport.get_extra_info("peername")
        self.peer_port = peer[1] if isinstance(peer, tuple) else 0
        secure = transport.get_extra_info("ssl_object") is not None
        self._reader = RequestReader(self.peer_port, "", secure=secure)
        self._server.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._deaf = True
        self._jobs.clear()
        self._after_flush = None
        if self._timer is not None:
            self._timer.cancel()
        self._server.gone(self)

    def eof_received(self) -> bool:
        # A client that half-closes while its answer is held is taken as gone: an aborted request looks just
        # so. Where only the kernels are waited for, the bytes on their way will tell. TLS knows no half.
        self._half_closed = True
        if self._transport is None or not self._transport.can_write_eof():
            return False
        if not self._deaf:
            self._jobs.extend(self._reader.end())
            self._deaf = True
            self._next()
        return self._after_flush is not None or self._polling

    def pause_writing(self) -> None:
        self._flushing = True

    def resume_writing(self) -> None:
        self._flushing = False
        # Not here and now: asyncio loses a connection twice that is closed inside this call.
        asyncio.get_running_loop().call_soon(self._flushed)

    def _flushed(self) -> None:
        callback, self._after_flush = self._after_flush, None
        if callback is not None:
            callback()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._jobs.extend(self._reader.feed(data))
        self._deaf = self._reader.finished
        if len(self._jobs) >= _QUEUE_LIMIT and self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._next()

    # the queue

    def _next(self) -> None:
        if self._advancing:
            return
        self._advancing = True
        while self._jobs and not self._busy and self._transport is not None:
            self._busy = True
            job = self._jobs.popleft()
            if isinstance(job, Refusal):
                self._server.refused(self, job)
            else:
                self._server.request(self, job)
        self._advancing = False
        if self._reader.expected and not (self._busy or self._deaf):  # every answer before it is out, none the last
            self._reader.expected = False
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._paused and len(self._jobs) < _QUEUE_LIMIT and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    # the server's side

    @property
    def alive(self) -> bool:
        """Whether bytes can still be handed over."""
        return self._transport is not None and not self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Hand bytes to the kernel, or to the transport's buffer while the client does not read."""
        if self._transport is not None:
            self._transport.write(data)

    def read_slowly(self, size: int, every: float) -> None:
        """Take at most `size` bytes of the client's every so many seconds, until TLS is put in place."""
        if self._transport is not None:
            self._transport.set_protocol(SlowReader(self, self._transport, size, every))

    def when_flushed(self, callback: Callable[[], None]) -> None:
        """Call back when the kernel has every byte: at once or later, never if the client goes first."""
        if self._flushing:
            self._after_flush = callback
        else:
            callback()

    def when_delivered(self, callback: Callable[[], None]) -> None:
        """Call back when the peer's kernel has every byte; never if the client goes first."""
        self.when_flushed(lambda: self._poll_delivery(callback))

    def _poll_delivery(self, callback: Callable[[], None]) -> None:
        if self._transport is None:
            return
        self._polling = undelivered(self._transport) > 0
        if not self._polling:
            callback()
            return
        if self._half_closed and is_over(self._transport):
            self.abort()
            return
        # The kernel announces no empty send queue, so it has to be asked again.
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_POLL_SECONDS, self._poll_delivery, callback)

    def answer(self, reply: HttpReply, keep_alive: bool, *, body_wanted: bool = True) -> None:
        """Send a whole reply that is no exchange of its own, and go on."""
        self.write(head_reply(reply, keep_alive, time.time()) + (reply.body if body_wanted else b""))
        self.done(keep_alive)

    def done(self, keep_alive: bool) -> None:
        """The exchange is over: go on with the next request, or close."""
        self._busy = False
        if keep_alive and not self._half_closed:
            self._next()
        else:
            self.finish()

    def finish(self) -> None:
        """Close in good order: what was written is sent, then FIN."""
        transport, more_to_come, self._deaf = self._transport, self._deaf, True
        self._jobs.clear()  # what was sent behind a last request is not answered (RFC 9112 section 9.6)
        if transport is None:
            return
        is_unread = not self._half_closed and (more_to_come or self._paused or unread(transport) > 0)
        if is_unread and transport.can_write_eof():
            # Closing a socket that still has unread input sends RST, which may destroy the reply before the
            # client has read it (RFC 9112 section 9.6): say FIN, and read on for a while.
            transport.write_eof()
            transport.resume_reading()
            self._timer = asyncio.get_running_loop().call_later(_LINGER_SECONDS, self.abort)
        else:
            transport.close()

    def reset(self) -> None:
        """Drop the connection with a TCP reset."""
        self._deaf = True
        if self._transport is not None:
            reset_transport(self._transport)

    def abort(self) -> None:
        """Drop the connection and whatever is still buffered."""
        self._deaf = True
        if self._transport is not None:
            self._transport.abort()

    def expect_tls(self, host: str) -> asyncio.Transport | None:
        """Parse afresh what comes out of TLS for `host`, but answer nothing before `upgraded`.

        Returns the transport to upgrade, None once the connection is lost.
        """
        self._deaf = False
        self._reader = RequestReader(self.peer_port, host, secure=True)
        return self._transport

    def upgraded(self, transport: asyncio.Transport) -> None:
        """TLS stands: answer through it from now on."""
        self._transport = transport
        _allow_no_buffer(transport)
        self._busy = False
        self._next()


def _allow_no_buffer(transport: asyncio.Transport) -> None:
    """Let resume_writing mean that the kernel has taken every byte.

    TLS of both event loops takes a buffer of 0 bytes for full where the limit is 0: it would then pause after each
    write, and resume with the client's next bytes only.
    """
    is_tls = transport.get_extra_info("ssl_object") is not None
    transport.set_write_buffer_limits(high=1 if is_tls else 0)
