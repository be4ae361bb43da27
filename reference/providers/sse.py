"""Server-sent events, read from bytes as the WHATWG specification says (HTML, section 9.2.6).

Only what model streams use: `event` and `data` fields, comments, any of the three line endings, also when a
chunk ends in the middle of one. An event that the stream never finished is dropped, as the specification
asks: whoever needed it finds its own final event missing. Refused: an event larger than `MAX_EVENT`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from reference.errors import Retryable

MAX_EVENT = 16 * 1024 * 1024  # bytes; a longer one is a broken server, not an answer

_LINE_END = re.compile(rb"\r\n|\n|\r")


class Event(NamedTuple):
    """One dispatched event; `name` is "message" when the stream gave none."""

    name: str
    data: str


def events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """The events of a stream, in order. Raises Retryable `malformed-stream` for one beyond `MAX_EVENT`."""
    name, data, size = "", list[bytes](), 0
    for line in _lines(chunks):
        if line:
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"event":
                name = value.decode(errors="replace")
            elif field == b"data":
                data.append(value)
                size += len(value)
            _check(size)
            continue
        if data:
            yield Event(name=name or "message", data=b"\n".join(data).decode(errors="replace"))
        name, data, size = "", [], 0


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    pending = b""
    started = False
    for chunk in chunks:
        pending += chunk
        _check(len(pending))
        if not started and len(pending) >= 3:
            pending, started = pending.removeprefix(b"\xef\xbb\xbf"), True
        start = 0
        for end in _LINE_END.finditer(pending):
            # A CR at the very end may be the first half of CR LF: it is judged with the next chunk.
            if end.group() == b"\r" and end.end() == len(pending):
                break
            yield pending[start : end.start()]
            start = end.end()
        pending = pending[start:]
    if pending.endswith(b"\r"):
        yield pending[:-1]


def _check(size: int) -> None:
    if size > MAX_EVENT:
        raise Retryable("malformed-stream", f"the provider sent an event of more than {MAX_EVENT} bytes")
