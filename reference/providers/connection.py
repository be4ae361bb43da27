"""One HTTP/1.1 exchange over a connection of its own: a socket carries it, `response` takes the answer apart.

httpx and its transport httpcore do the same and more, and importing them costs a command 80 and 25 ms. Refused here:
proxies and other settings from the environment, keep-alive between requests, redirects, retries.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from reference.providers.response import Response

_PORTS = {"http": 80, "https": 443}
_READ_SIZE = 64 * 1024


class NotConnected(Exception):
    """No connection was made; `cause` is what the kernel, the resolver or TLS said."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Waits(NamedTuple):
    """How many seconds may pass until a connection is made, and in silence once it is."""

    connect: float
    silence: float


class Connection:
    """A connection to one host, for one request."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._response = Response()

    def ask(self, target: str, headers: Mapping[str, str], body: bytes) -> Response:
        """POST `body`; the answer as soon as its status and headers have come.

        Nothing in `target` and `headers` may end a line. Raises TimeoutError after silence, OSError, and
        response.Broken when the answer breaks off or is no HTTP.
        """
        lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        # Who refuses a long request may close before all of it has come; what it said can be read all the same.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._stream.sendall("\r\n".join(lines).encode("ascii") + body)
        while not self._response.begun:
            self._response.take()  # nothing yet, but it says what is wrong
            self._receive()
        return self._response

    def chunks(self) -> Iterator[bytes]:
        """The body of the answer as it arrives. Raises as `ask`."""
        while (part := self._response.take()) or not self._response.ended:
            if part:
                yield part
            else:
                self._receive()

    def _receive(self) -> None:
        self._response.feed(self._stream.recv(_READ_SIZE))


@contextmanager
def connected(url: str, waits: Waits) -> Iterator[Connection]:
    """A connection to the host that `url` names, closed at the end. Raises NotConnected."""
    with closing(_dialled(urlsplit(url), waits.connect)) as stream:
        stream.settimeout(waits.silence)
        yield Connection(stream)


def _dialled(parts: SplitResult, seconds: float) -> socket.socket:
    # Text is turned into IDNA first, whose tables take 3 ms to load, and all addresses here are ASCII.
    address = ((parts.hostname or "").encode(), parts.port or _PORTS[parts.scheme])
    try:
        plain = socket.create_connection(address, timeout=seconds)  # type: ignore[arg-type]  # typeshed: text only
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return plain if parts.scheme == "http" else _secured(plain, parts.hostname)
    except OSError as error:
        raise NotConnected(error) from error


def _secured(plain: socket.socket, host: str | None) -> socket.socket:
    import ssl  # 6 ms that a plain address need not pay

    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise
