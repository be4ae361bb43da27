"""HTTP/1.1 messages as values: a parsed request, a reply's head, chunked framing.

Only encoding and decoding of single messages. Sockets and parsing state are in `fakes.wire.connection`; what
to answer is decided elsewhere.
"""

import sys
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol

BODY_LIMIT = 64 * 1024 * 1024
HEAD_LIMIT = 64 * 1024
_MOST_CODINGS = 4
_MOST_MEMBERS = 64

_REASONS = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}
Headers = Iterable[tuple[str, str]]


class UnreadableBody(Exception):
    """A request body cannot be decoded: `status` is the HTTP status to answer with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request, whole. Header names are lower case; `body` is still in its content coding; `secure` is TLS."""

    method: str
    path: str
    query: str
    host: str
    headers: dict[str, str]
    body: bytes
    version: str
    keep_alive: bool
    peer_port: int
    upgrade: bool
    secure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReply:
    """One reply whose body is known whole."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"


def decoded_body(request: HttpRequest) -> bytes:
    """The body without its content coding (RFC 9110 section 8.4).

    Raises:
        UnreadableBody: the coding is unknown (415), the data is damaged (400) or grows too large (413).
    """
    body = request.body
    if "content-encoding" not in request.headers:  # as of most
        return body
    codings = request.headers["content-encoding"].lower().split(",")
    if len(codings) > _MOST_CODINGS:
        raise UnreadableBody(415, f"the body has more than {_MOST_CODINGS} content codings, one in the other")
    for coding in reversed(codings):
        body = _decode(coding.strip(), body)
    return body


def _decode(coding: str, body: bytes) -> bytes:
    if coding in ("", "identity"):
        return body
    if coding in ("gzip", "x-gzip"):
        return _unpacked(body, lambda: zlib.decompressobj(zlib.MAX_WBITS | 16), zlib.error)
    if coding == "deflate":
        return _unpacked(body, lambda: zlib.decompressobj(zlib.MAX_WBITS), zlib.error)
    if coding == "zstd":
        return _unzstd(body)
    raise UnreadableBody(415, f"content-encoding {coding!r} is not supported; send gzip, deflate, zstd or identity")


class _Unpacker(Protocol):
    """What the decompressors of the standard library have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _unpacked(body: bytes, make: Callable[[], _Unpacker], damaged: type[Exception]) -> bytes:
    """What was packed, in one member or frame or in a few in a row (RFC 1952 section 2.2, RFC 8878 section 3.1)."""
    plain = b""
    for _ in range(_MOST_MEMBERS):
        stream = make()
        try:
            plain += stream.decompress(body, BODY_LIMIT + 1 - len(plain))
        except damaged as error:
            raise UnreadableBody(400, f"the compressed body is damaged: {error}") from None
        if len(plain) > BODY_LIMIT:
            raise UnreadableBody(413, f"the decoded body is larger than {BODY_LIMIT} bytes")
        if not stream.eof:
            raise UnreadableBody(400, "the compressed body ends too early")
        body = stream.unused_data
        if not body:
            return plain
    raise UnreadableBody(400, f"the compressed body has more than {_MOST_MEMBERS} members")


def _unzstd(body: bytes) -> bytes:
    # Imported here, since few servers ever see a body of this coding and all pay for the start.
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    # A frame may ask for a window of gigabytes; none that fits the limit needs more than the limit.
    options = {int(zstd.DecompressionParameter.window_log_max): (BODY_LIMIT - 1).bit_length()}
    return _unpacked(body, lambda: zstd.ZstdDecompressor(options=options), zstd.ZstdError)


def head_reply(reply: HttpReply, keep_alive: bool, now: float) -> bytes:
    """The head of a reply with a content-length: all that HEAD is answered, and what goes before the body else."""
    length = b"content-length: %d\r\n\r\n" % len(reply.body)
    return head(reply.status, reply.content_type, reply.headers, keep_alive, now) + length


def head(status: int, content_type: str, headers: Headers, keep_alive: bool, now: float) -> bytes:
    """The status line and headers, still without the framing header and the empty line that end them.

    `now` is what the `date` says, in seconds since the epoch.
    """
    lines = _fixed_head(status, content_type, keep_alive, int(now))
    extra = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return lines + extra.encode("latin-1", "replace")


@lru_cache(maxsize=64)
def _fixed_head(status: int, content_type: str, keep_alive: bool, second: int) -> bytes:
    reason = _REASONS.get(status, "Error")
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(second))
    lines = f"HTTP/1.1 {status} {reason}\r\ndate: {date}\r\ncontent-type: {content_type}\r\n"
    return (lines + ("" if keep_alive else "connection: close\r\n")).encode("ascii")


def chunk(data: bytes) -> bytes:
    """One chunk of the chunked transfer coding (RFC 9112 section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
