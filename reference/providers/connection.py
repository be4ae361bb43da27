"""One HTTP/1.1 exchange over a connection of its own: h11 speaks the protocol, a socket carries it.

httpx and its transport httpcore do the same and more, and importing them costs a command 80 and 25 ms; h11 is what
they speak it with. Refused here: proxies and other settings from the environment, keep-alive between requests,
redirects, retries.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import h11

_PORTS = {"http": 80, "https": 443}
_READ_SIZE = 64 * 1024
_LONGEST_HEAD = 100 * 1024  # bytes of status line and headers; h11's own limit of 16 KiB is less than some proxies send


class NotConnected(Exception):
    """No connection was made; `cause` is what the kernel, the resolver or TLS said."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How many seconds may pass until a connection is made, and in silence once it is."""

    connect: float
    silence: float


class Connection:
    """A connection to one host, for one request."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)

    def ask(self, target: str, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> h11.Response:
        """POST `body`; the status and the headers of the answer.

        Raises TimeoutError after silence, OSError, and h11.RemoteProtocolError when it breaks off or is no HTTP.
        """
        head = h11.Request(method="POST", target=target, headers=list(headers))
        sent = [self._http.send(event) for event in (head, h11.Data(data=body), h11.EndOfMessage())]
        # Who refuses a long request may close before all of it has come; what it said can be read all the same.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._stream.sendall(b"".join(part for part in sent if part))
        while isinstance(event := self._next(), h11.InformationalResponse):
            pass
        if not isinstance(event, h11.Response):
            raise h11.RemoteProtocolError("no answer")
        return event

    def chunks(self) -> Iterator[bytes]:
        """The body of the answer as it arrives. Raises as `ask`."""
        while isinstance(event := self._next(), h11.Data):
            yield bytes(event.data)

    def _next(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(self._stream.recv(_READ_SIZE))
        return event


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
