"""What a broken reply must look like on the wire, worked out from the same reply unbroken, as received by a client.

Independent of `fakes.layout`: it begins with received bytes, parses them, and finds a cut by walking over the wire.
"""

from __future__ import annotations

from collections.abc import Iterator

from fakes.broken import Altered, Framing
from fakes.script import Broken

UNKNOWN = b'{"type":"fake.unknown"}'


def expected(whole: bytes, broken: Broken, streamed: bool) -> bytes:
    """Every byte that the broken reply must deliver. `whole` is the unbroken one, head included."""
    head, _, body = whole.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    chunked = b"transfer-encoding: chunked" in lines
    content = b"".join(_chunks(body)) if chunked else body
    frames = content.split(b"\n\n")[:-1] if streamed else [content]
    frames = [frame + b"\n\n" for frame in frames] if streamed else frames
    for change in broken.altered:
        frames = list(_changed(frames, change))
    if streamed:
        newline = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}[broken.framing.newline]
        frames = [newline.join(frame.split(b"\n")) for frame in frames]
    content = b"".join(frames)
    cut = broken.cut
    place = None if cut is None or cut.where in ("status", "byte") else _place(frames, streamed, broken)
    if cut is not None and cut.ending == "end":
        content, place = content[:place], None
    kept = [line for line in lines if line.partition(b":")[0] not in (b"transfer-encoding", b"content-length")]
    chunked = chunked and not broken.framing.length
    opening, wire = _encoded(kept, content, frames, broken.framing, chunked, sized=not streamed)
    if cut is None or cut.ending == "end":
        return opening + wire
    if cut.where == "status":
        return b""
    if cut.where == "byte":
        return (opening + wire)[: min(cut.count, len(opening + wire) - 1)]
    return opening + wire[: _on_wire(wire, place or 0, chunked)]


def _chunks(body: bytes) -> Iterator[bytes]:
    while body:
        size, _, body = body.partition(b"\r\n")
        yield body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]


def _changed(frames: list[bytes], change: Altered) -> Iterator[bytes]:
    last = len(frames) - 1
    wanted = max(0, min(last, change.frame if change.frame >= 0 else len(frames) + change.frame))
    for number, frame in enumerate(frames):
        if number != wanted:
            yield frame
        elif change.how == "duplicate":
            yield from (frame, frame)
        elif change.how == "bad-json":
            bare = frame.rstrip(b"\n")
            yield bare[:-1] + frame[len(bare) :]
        elif change.how == "comment":
            yield from (b": keep-alive\n\n", frame)
        elif change.how == "unknown-event":
            named = b"event: fake.unknown\n" if frame.startswith(b"event:") else b""
            yield from (named + b"data: " + UNKNOWN + b"\n\n", frame)


def _place(frames: list[bytes], streamed: bool, broken: Broken) -> int:
    """How many bytes of content go out, at least one less than all; all before a stall behind so many frames."""
    assert broken.cut is not None
    where, count, size = broken.cut.where, broken.cut.count, len(b"".join(frames))
    if where == "headers":
        wanted = 0
    elif where == "body":
        wanted = count
    elif streamed and where == "frame" and broken.cut.ending == "stall" and count >= len(frames):
        return size
    elif streamed and frames:
        before, at = frames[: min(count, len(frames) - 1)], frames[min(count, len(frames) - 1)]
        wanted = len(b"".join(before)) + (len(at) // 2 if where == "half-frame" else 0)
    else:
        wanted = size // 2 if count or where == "half-frame" else 0
    return min(wanted, max(size - 1, 0))


def _encoded(
    lines: list[bytes], content: bytes, frames: list[bytes], framing: Framing, chunked: bool, *, sized: bool
) -> tuple[bytes, bytes]:
    if not chunked:
        length = b"content-length: %d" % max(0, len(content) + framing.length)
        more = [length] if sized or framing.length else []
        return b"\r\n".join([*lines, *more, b"", b""]), content
    opening = b"\r\n".join([*lines, b"transfer-encoding: chunked", b"", b""])
    pieces = [piece for piece in _pieces(content, frames, framing.pieces) if piece]
    return opening, b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def _pieces(content: bytes, frames: list[bytes], kind: str) -> Iterator[bytes]:
    if kind == "whole":
        yield content
    elif kind == "byte":
        yield from (content[n : n + 1] for n in range(len(content)))
    elif kind == "frame":
        for frame in frames:
            yield content[: len(frame)]
            content = content[len(frame) :]
    else:
        piece = b""
        for byte in content:
            piece += bytes([byte])
            if byte >> 6 == 0b11:
                yield piece
                piece = b""
        yield piece


def _on_wire(wire: bytes, place: int, chunked: bool) -> int:
    """Where on the wire the content's first `place` bytes end, with a chunk's own end when that is reached."""
    if not place or not chunked:
        return place
    at = 0
    while True:
        line = wire.index(b"\r\n", at) + 2
        size = int(wire[at:line], 16)
        if place < size:
            return line + place
        at = line + size + 2
        place -= size
        if not place:
            return at
