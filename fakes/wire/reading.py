"""Reads whole requests out of the bytes of one connection, with httptools.

It keeps the parser's state and the limits, and turns whatever is not acceptable into a `Refusal`. It has no socket
and answers nothing.
"""

import re

import httptools

from fakes.wire.http import BODY_LIMIT, HEAD_LIMIT, HttpRequest

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.~%!$&'()*+;=-]*)(:[0-9]*)?", re.ASCII)  # RFC 3986, without the comma
_VERSIONS = ("1.0", "1.1")  # httptools also takes 0.9, which is a request line alone, and 2.0


class Refusal(Exception):
    """Bytes that are not acceptable HTTP: the status to answer with, and why. The connection closes then.

    `request` is what was asked, without its body, as far as that was read; None without a target.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.request: HttpRequest | None = None


class RequestReader:
    """The parser of one connection. `finished` says that nothing more can be read from it.

    `expected` says that the client waits for "100 Continue" before it sends the body of the request being read.
    """

    def __init__(self, peer_port: int, tunnel_host: str, *, secure: bool = False) -> None:
        self.finished = False
        self.expected = False
        self._secure = secure
        self._peer_port = peer_port
        self._tunnel_host = tunnel_host
        self._ready: list[HttpRequest | Refusal] = []
        self._parser = httptools.HttpRequestParser(self)
        self._begun = False
        self._url = b""
        self._headers: dict[str, str] = {}
        self._head_done = False
        self._head_size = 0
        self._fields_size = 0
        self._body: list[bytes] = []
        self._body_size = 0
        self._offered = 0

    def feed(self, data: bytes) -> list[HttpRequest | Refusal]:
        """The requests that these bytes complete, in order; a refusal is the last."""
        if self._offered:
            self._rest_of_offer(data)
        else:
            self._parse(data)
        ready, self._ready = self._ready, []
        return ready

    def end(self) -> list[HttpRequest | Refusal]:
        """What it comes to that no more bytes will come: a request that had begun is refused."""
        if self._begun and not self.finished:
            self._refuse(Refusal(400, "the request ends too early"))
        ready, self._ready = self._ready, []
        return ready

    def _parse(self, data: bytes) -> None:
        self._head_size += len(data)
        try:
            self._parser.feed_data(data)
            self._check_head(self._head_size)
        except httptools.HttpParserUpgrade as upgrade:
            # Whatever follows an upgrade is not read: a tunnel gets a new parser, anything else is closed.
            self.finished = not self._offered
            rest = data[upgrade.args[0] :]
            if self._offered:
                self._rest_of_offer(rest)
            elif rest and self._parser.get_method() == b"CONNECT":
                self._ready[-1] = Refusal(400, "wait for the answer to CONNECT before you send")
        except Refusal as refusal:
            self._refuse(refusal)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, Refusal) else Refusal(400, "unreadable request"))
        except httptools.HttpParserError as error:
            self._refuse(Refusal(400, f"this is not HTTP/1.1: {error}"))

    def _rest_of_offer(self, data: bytes) -> None:
        """Read the body of a request that offers an upgrade, which the parser leaves unread."""
        self._body.append(data[: self._offered])
        self._offered -= len(self._body[-1])
        if not self._offered:
            self.finished = True
            self._complete()

    # httptools' calls

    def on_message_begin(self) -> None:
        self._begun = True
        self._url = b""
        self._headers = {}
        self._head_done = False
        self._fields_size = 0
        self._body = []
        self._body_size = 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_done:  # a trailer, and none is known that may join the headers (RFC 9110 section 6.5.1)
            return
        # Counted apart from what was fed, of which it may be a part: how a head is split must not matter.
        self._fields_size += len(name) + len(value) + len(": \r\n")
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        self._head_done = True
        self._head_size = 0
        self._check_head(len(self._url) + self._fields_size)
        if self._parser.get_http_version() not in _VERSIONS:
            raise Refusal(400, "this is not HTTP/1.1: another version")
        self._check_host()
        if int(self._headers.get("content-length", "0")) > BODY_LIMIT:
            raise _too_large()
        # HTTP/1.0 knows no such answer, so it must not get one (RFC 9110 section 10.1.1).
        asked = self._headers.get("expect", "").lower() == "100-continue"
        self.expected = asked and self._parser.get_http_version() != "1.0"

    def on_body(self, body: bytes) -> None:
        self.expected = False
        self._head_size = 0  # what follows without content, in chunk lines or trailers, is limited as a head is
        self._body.append(body)
        self._body_size += len(body)
        if self._body_size > BODY_LIMIT:
            raise _too_large()

    def on_message_complete(self) -> None:
        self.expected = False
        self._head_size = 0
        if self._parser.should_upgrade() and self._headers.get("transfer-encoding"):
            raise Refusal(400, "an upgrade offered with a chunked body is not supported")
        # CONNECT has no content, whatever length it names (RFC 9110 section 9.3.6).
        if self._parser.should_upgrade() and not self._body_size and self._parser.get_method() != b"CONNECT":
            self._offered = int(self._headers.get("content-length", "0"))
            if self._offered:
                return
        self._complete()

    def _check_host(self) -> None:
        """A server must refuse a request without a Host, with two of them or a wrong one (RFC 9112 section 3.2).

        CONNECT is let off: it names its host itself.
        """
        host, tunnels = self._headers.get("host"), self._parser.get_method() == b"CONNECT"
        if host is None:
            if self._parser.get_http_version() == "1.1" and not tunnels:
                raise Refusal(400, "this is not HTTP/1.1: no host")
        elif "," in host:  # two of them were joined
            raise Refusal(400, "this is not HTTP/1.1: more than one host")
        elif not tunnels and not _HOST.fullmatch(host):
            raise Refusal(400, "this is not HTTP/1.1: the host is not one")

    def _check_head(self, size: int) -> None:
        if size > HEAD_LIMIT:
            raise Refusal(431, f"the request head is larger than {HEAD_LIMIT} bytes")

    def _complete(self) -> None:
        self._ready.append(self._whole_request())
        self._begun = False

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
            peer_port=self._peer_port,
            upgrade=self._parser.should_upgrade(),
            secure=self._secure,
        )

    def _target(self, method: str) -> tuple[str, str, str]:
        host = self._tunnel_host or self._headers.get("host", "")
        if method == "CONNECT":
            return "", "", self._url.decode("latin-1")
        if self._url[:1] == b"/":
            path, _, query = self._url.decode("latin-1").partition("?")
            return path, query, host
        try:
            parts = httptools.parse_url(self._url)
        except httptools.HttpParserInvalidURLError:
            raise Refusal(400, "the request target is not a URL") from None
        path = (parts.path or b"/").decode("latin-1")
        return path, (parts.query or b"").decode("latin-1"), _authority(parts) or host

    def _refuse(self, refusal: Refusal) -> None:
        self.finished = True
        refusal.request = self._begun_request()
        self._ready.append(refusal)

    def _begun_request(self) -> HttpRequest | None:
        """The request being read, as far as it was understood and without its body; None without a target."""
        self._body.clear()
        try:
            return self._whole_request() if self._begun and self._url else None
        except Refusal:
            return None


def _too_large() -> Refusal:
    return Refusal(413, f"the body is larger than {BODY_LIMIT} bytes")


def _authority(parts: httptools.parser.url_parser.URL) -> str:
    """The host of a URL, with the port where it names one."""
    host = (parts.host or b"").decode("latin-1")
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{parts.port}" if parts.port is not None else host
