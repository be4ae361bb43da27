"""One HTTP/1.1 answer, taken apart as its bytes come: httptools, whose parser is Node's own, knows the grammar.

What Node refuses is refused here too: lines that end without CR, folded headers, both ways to say where a body ends
at once (RFC 9112, sections 2.2, 5.2 and 6.3).
"""

from __future__ import annotations

from collections import deque

import httptools

_LONGEST_HEAD = 100 * 1024  # bytes of status line and headers, informational answers before them included


class Broken(Exception):
    """The answer ended before it was complete, or is no HTTP."""


class Response:
    """What has come so far of an answer. httptools calls the `on_` methods."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}  # names in lower case; of two with one name the last
        self.begun = False  # status and headers have come
        self.ended = False
        self._body: deque[bytes] = deque()
        self._trouble: Broken | None = None
        self._head_size = 0
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take what was received, nothing of it at the connection's end. What is wrong with it, `take` says."""
        try:
            if not data:
                self._end()
            else:
                self._parser.feed_data(data)
                self._check_head(len(data))
        except Broken as trouble:
            self._trouble = trouble
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._trouble = None if self.ended else Broken(str(error))  # nobody cares what follows a whole answer

    def take(self) -> bytes:
        """The next part of the body, as the server has cut it, or b"". Raises Broken, once what came has been taken."""
        if self._body:
            return self._body.popleft()
        if self._trouble:
            raise self._trouble
        return b""

    def on_message_begin(self) -> None:
        """An answer begins: the one asked for, or an informational one before it."""
        if not self.begun:
            self.headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which nobody here wants."""
        if not self.begun:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The end of the headers."""
        if not self.begun:
            self.status = self._parser.get_status_code()
            self.begun = self.status >= 200

    def on_body(self, data: bytes) -> None:
        """A part of the body, its chunks taken apart."""
        if not self.ended:
            self._body.append(data)

    def on_message_complete(self) -> None:
        """The end of the answer asked for, or of an informational one."""
        self.ended = self.begun

    def _end(self) -> None:
        """The connection's end, which is the body's too where nothing else says where it ends (section 6.3)."""
        chunked = self.headers.get("transfer-encoding", "").lower().endswith("chunked")
        if not self.begun or chunked or "content-length" in self.headers:
            raise Broken("the connection ended too early")
        self.ended = True

    def _check_head(self, size: int) -> None:
        """Raises Broken for a head without end."""
        if not self.begun:
            self._head_size += size
            if self._head_size > _LONGEST_HEAD:
                raise Broken("status line and headers are too long")
