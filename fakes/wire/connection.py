"""One client connection: bytes in, whole requests out, one at a time and in order.

A request is handed over only when its predecessor's exchange has finished, so pipelined requests are answered
in order (RFC 9112 section 9.3.2). What to answer is decided by the `Server` it is given; how a connection can
be broken on purpose is in `fakes.wire.faults`.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from fakes.wire.faults import reset_transport, undelivered
from fakes.wire.http import BODY_LIMIT, HEAD_LIMIT, HttpReply, HttpRequest, whole_reply

_QUEUE_LIMIT = 16
_LINGER_SECONDS = 2.0
_POLL_SECONDS = 0.001


class Server(Protocol):
    """What a connection needs of its server. Calls come from the event loop, never concurrently."""

    def opened(self, connection: "Connection") -> None:
        """The connection stands."""

    def request(self, connection: "Connection", request: HttpRequest) -> None:
        """Answer a request, now or later, and then call `connection.done`."""

    def refused(self, connection: "Connection", status: int, message: str) -> None:
        """Answer bytes that are not acceptable HTTP; the connection closes afterwards."""

    def gone(self, connection: "Connection") -> None:
        """The client is gone or the connection was dropped; nothing more can be sent."""


class _Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


_Job = HttpRequest | _Refusal


class Connection(asyncio.Protocol):
    """The protocol object of one connection, also across an upgrade to TLS in place."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._jobs: deque[_Job] = deque()
        self._busy = False
        self._advancing = False
        self._deaf = False
        self._paused = False
        self._flushing = False
        self._after_flush: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.peer_port = 0
        self.tunnel_host = ""
        self._new_parser()

    def _new_parser(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: dict[str, str] = {}
        self._head_size = 0
        self._body: list[bytes] = []
        self._body_size = 0
        self._offered = 0

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have all of asyncio.Transport without being one, so isinstance would not do.
        self._transport = transport = cast(asyncio.Transport, transport)
        # With no buffer allowed, resume_writing means that the kernel has taken every byte.
        transport.set_write_buffer_limits(high=0)
        peer = transport.get_extra_info("peername")
        self.peer_port = peer[1] if isinstance(peer, tuple) else 0
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
        # so.
        return False

    def pause_writing(self) -> None:
        self._flushing = True

    def resume_writing(self) -> None:
        self._flushing = False
        callback, self._after_flush = self._after_flush, None
        if callback is not None:
            callback()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._offered:
            self._rest_of_offer(data)
        else:
            self._parse(data)
        self._next()

    def _parse(self, data: bytes) -> None:
        self._head_size += len(data)
        try:
            self._parser.feed_data(data)
            self._check_head()
        except httptools.HttpParserUpgrade as upgrade:
            # Whatever follows an upgrade is not read: a tunnel gets a new parser, anything else is closed.
            self._deaf = not self._offered
            if self._offered:
                self._rest_of_offer(data[upgrade.args[0] :])
        except _Refusal as refusal:
            self._refuse(refusal)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, _Refusal) else _Refusal(400, "unreadable request"))
        except httptools.HttpParserError as error:
            self._refuse(_Refusal(400, f"this is not HTTP/1.1: {error}"))

    def _rest_of_offer(self, data: bytes) -> None:
        """Read the body of a request that offers an upgrade, which the parser leaves unread."""
        self._body.append(data[: self._offered])
        self._offered -= len(self._body[-1])
        if not self._offered:
            self._deaf = True
            self._jobs.append(self._whole_request())

    # httptools' side

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = {}
        self._body = []
        self._body_size = 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        self._head_size = 0
        length = self._headers.get("content-length", "0")
        if int(length) > BODY_LIMIT:
            raise _Refusal(413, f"the body is larger than {BODY_LIMIT} bytes")
        if self._headers.get("expect", "").lower() == "100-continue" and not self._busy and not self._jobs:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._body_size += len(body)
        if self._body_size > BODY_LIMIT:
            raise _Refusal(413, f"the body is larger than {BODY_LIMIT} bytes")

    def on_message_complete(self) -> None:
        self._head_size = 0
        if self._parser.should_upgrade() and self._headers.get("transfer-encoding"):
            raise _Refusal(400, "an upgrade offered with a chunked body is not supported")
        if self._parser.should_upgrade() and not self._body_size:
            self._offered = int(self._headers.get("content-length", "0"))
            if self._offered:
                return
        self._jobs.append(self._whole_request())
        if len(self._jobs) >= _QUEUE_LIMIT and self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _check_head(self) -> None:
        if self._head_size > HEAD_LIMIT and not self._body_size:
            raise _Refusal(431, f"the request head is larger than {HEAD_LIMIT} bytes")

    def _whole_request(self) -> HttpRequest:
        method = self._parser.get_method().decode("ascii", "replace")
        path, query, host = self._target(method)
        return HttpRequest(
            method=method,
            path=path,
            query=query,
            host=host,
            headers=self._headers,
            body=b"".join(self._body),
            version=self._parser.get_http_version(),
            keep_alive=self._parser.should_keep_alive(),
            peer_port=self.peer_port,
            upgrade=self._parser.should_upgrade(),
        )

    def _target(self, method: str) -> tuple[str, str, str]:
        host = self.tunnel_host or self._headers.get("host", "")
        if method == "CONNECT":
            return "", "", self._url.decode("latin-1")
        if self._url[:1] == b"/":
            path, _, query = self._url.decode("latin-1").partition("?")
            return path, query, host
        try:
            parts = httptools.parse_url(self._url)
        except httptools.HttpParserInvalidURLError:
            raise _Refusal(400, "the request target is not a URL") from None
        path = (parts.path or b"/").decode("latin-1")
        return path, (parts.query or b"").decode("latin-1"), (parts.host or b"").decode("latin-1") or host

    # the queue

    def _refuse(self, refusal: _Refusal) -> None:
        self._deaf = True
        self._jobs.append(refusal)

    def _next(self) -> None:
        if self._advancing:
            return
        self._advancing = True
        while self._jobs and not self._busy and self._transport is not None:
            self._busy = True
            job = self._jobs.popleft()
            if isinstance(job, _Refusal):
                self._server.refused(self, job.status, job.message)
            else:
                self._server.request(self, job)
        self._advancing = False
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
        if undelivered(self._transport) == 0:
            callback()
            return
        # The kernel announces no empty send queue, so it has to be asked again.
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_POLL_SECONDS, self._poll_delivery, callback)

    def answer(self, reply: HttpReply, keep_alive: bool) -> None:
        """Send a whole reply that is no exchange of its own, and go on."""
        self.write(whole_reply(reply, keep_alive))
        self.done(keep_alive)

    def done(self, keep_alive: bool) -> None:
        """The exchange is over: go on with the next request, or close."""
        self._busy = False
        if keep_alive:
            self._next()
        elif self._deaf:
            self._close_lingering()
        else:
            self.finish()

    def finish(self) -> None:
        """Close in good order: what was written is sent, then FIN."""
        self._deaf = True
        if self._transport is not None:
            self._transport.close()

    def _close_lingering(self) -> None:
        # Closing a socket that still has unread input sends RST, which may destroy the reply before the
        # client has read it (RFC 9112 section 9.6): say FIN, and read on for a while.
        if self._transport is None or not self._transport.can_write_eof():
            return self.finish()
        self._transport.write_eof()
        self._timer = asyncio.get_running_loop().call_later(_LINGER_SECONDS, self.abort)
        return None

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
        self.tunnel_host = host
        self._deaf = False
        self._new_parser()
        return self._transport

    def upgraded(self, transport: asyncio.Transport) -> None:
        """TLS stands: answer through it from now on."""
        self._transport = transport
        transport.set_write_buffer_limits(high=0)
        self._busy = False
        self._next()
