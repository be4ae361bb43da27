"""How a reply goes wrong on its way: where it is cut and how that ends, which frames are altered, how it is framed.

Data with checks and nothing else; the parts are independent of each other and combine freely. `fakes.layout` works out
the bytes, `fakes.delivery` sends them.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from fakes.answers import check, check_gate, check_seconds, is_whole

STALL_GATE = "stall"

Where = Literal["status", "headers", "frame", "half-frame", "body", "byte"]
Ending = Literal["fin", "reset", "stall", "end"]
How = Literal["duplicate", "drop", "bad-json", "unknown-event", "comment"]
Newline = Literal["lf", "crlf", "cr"]
Pieces = Literal["frame", "whole", "utf8", "byte"]


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a reply stops short, and how.

    `where`: before the "status" line; after the "headers"; after `count` whole frames ("frame"), or those and half of
    the next ("half-frame"); after `count` bytes of content ("body"), or of everything on the wire ("byte").
    `ending`: "fin" or "reset" break the connection; "stall" sends nothing more until the gate is released, then breaks
    it; with "end" the HTTP framing is finished, so that only the content shows the cut. `gate` is where a stall waits.
    """

    where: Where
    count: int = 0
    ending: Ending = "fin"
    gate: str = STALL_GATE

    def __post_init__(self) -> None:
        _check_one_of(self.where, Where, "where")
        _check_one_of(self.ending, Ending, "ending")
        check(is_whole(self.count) and self.count >= 0, "count", "a whole number, at least 0")
        check_gate(self.gate)
        framed = self.ending != "end" or self.where not in ("status", "byte")
        check(framed, "ending", "fin, reset or stall here: HTTP cannot be finished before its headers")


@dataclass(frozen=True, slots=True)
class Altered:
    """One frame that differs: sent twice, left out, its JSON damaged, or an event of an unknown type before it.

    Or a comment stands before it, by which servers keep a connection alive (WHATWG HTML section 9.2.7). `frame` counts
    from 0, from the end when negative; a number beyond the ends means the nearest frame. A body that is not streamed is
    one frame.
    """

    frame: int
    how: How

    def __post_init__(self) -> None:
        check(is_whole(self.frame), "frame", "a whole number")
        _check_one_of(self.how, How, "how")


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """How the content is framed.

    `newline` ends the lines of server-sent events, any of which is legal (WHATWG HTML section 9.2.5). `pieces` is what
    makes one write and one HTTP chunk: a "frame", the "whole", up to the middle of the next character of several bytes
    ("utf8"), or each "byte". `length` is how much the content-length that is announced differs from the truth; other
    than 0 it takes the place of chunks.
    """

    newline: Newline = "lf"
    pieces: Pieces = "frame"
    length: int = 0

    def __post_init__(self) -> None:
        _check_one_of(self.newline, Newline, "newline")
        _check_one_of(self.pieces, Pieces, "pieces")
        check(is_whole(self.length), "length", "a whole number")


def _check_one_of(value: object, kind: Any, key: str) -> None:
    check(value in get_args(kind), key, f"one of {', '.join(get_args(kind))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The server reads requests slowly: at most `size` bytes, then nothing for `every` seconds."""

    size: int
    every: float

    def __post_init__(self) -> None:
        check(is_whole(self.size) and self.size >= 1, "size", "a whole number of bytes, at least 1")
        check_seconds(self.every, "every", "seconds between two reads")


PLAIN = Framing()
