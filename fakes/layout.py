"""Works out a reply's bytes, piece by piece: content, HTTP framing, and the exact byte at which a cut falls.

Pure: frames and a head go in, pieces come out. Every cut leaves something out: one at or beyond the end is moved back,
so that a scripted fault always happens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from fakes.broken import PLAIN, Altered, Cut, Framing
from fakes.wire.http import LAST_CHUNK, chunk

_NEWLINES = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}
_UNKNOWN = b'data: {"type":"fake.unknown"}\n\n'
_COMMENT = b": keep-alive\n\n"


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that are written together, and how many frames are whole once they are out."""

    data: bytes
    frames: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a reply says: its frames in order, and the head without its framing header and empty line.

    `streamed` content has frames that can be counted; other content is one body. `chunked` is whether the client
    understands chunks.
    """

    head: bytes
    frames: Sequence[bytes]
    streamed: bool
    chunked: bool


def lay_out(
    content: Content, *, framing: Framing = PLAIN, altered: Sequence[Altered] = (), cut: Cut | None = None
) -> list[Piece]:
    """The pieces of the whole reply, the head first."""
    if framing is PLAIN and not altered and cut is None:
        return _framed(content, [Piece(frame, 1) for frame in content.frames], sum(map(len, content.frames)), 0)
    frames = list(content.frames)
    for change in altered:
        _alter(frames, change)
    if framing.newline != "lf" and content.streamed:
        frames = [frame.replace(b"\n", _NEWLINES[framing.newline]) for frame in frames]
    length = sum(map(len, frames))
    if cut is not None and cut.ending == "end":
        length = _place_in_content(frames, content.streamed, cut)
    pieces = _framed(content, _divided(frames, length, framing.pieces), length, framing.length)
    if cut is None or cut.ending == "end":
        return pieces
    return _cut(pieces, _place_on_wire(content, frames, pieces, cut))


def _alter(frames: list[bytes], change: Altered) -> None:
    if not frames:
        return
    place = change.frame + len(frames) if change.frame < 0 else change.frame
    place = min(max(place, 0), len(frames) - 1)
    if change.how == "drop":
        del frames[place]
    elif change.how == "duplicate":
        frames.insert(place, frames[place])
    elif change.how == "bad-json":
        end = len(frames[place].rstrip(b"\n"))
        frames[place] = frames[place][: max(end - 1, 0)] + frames[place][end:]
    elif change.how == "comment":
        frames.insert(place, _COMMENT)
    else:
        named = frames[place].startswith(b"event:")
        frames.insert(place, b"event: fake.unknown\n" + _UNKNOWN if named else _UNKNOWN)


def _place_in_content(frames: Sequence[bytes], streamed: bool, cut: Cut) -> int:
    """After how many bytes of content a cut falls, one short of all at most; only a stall may follow all the frames."""
    total = sum(map(len, frames))
    spared = 0 if streamed and (cut.where, cut.ending) == ("frame", "stall") else 1
    if cut.where == "headers":
        place = 0
    elif cut.where == "body":
        place = cut.count
    elif not streamed:  # a body has no frames to count: any number above 0 is its middle
        place = total // 2 if cut.count or cut.where == "half-frame" else 0
    else:
        whole = min(cut.count, len(frames) - spared)
        place = sum(map(len, frames[:whole]))
        place += len(frames[whole]) // 2 if cut.where == "half-frame" and frames else 0
    return max(min(place, total - spared), 0)


def _divided(frames: Sequence[bytes], length: int, pieces: str) -> list[Piece]:
    """The first `length` bytes of the content in pieces, each with the frames that it completes."""
    if pieces == "frame":
        ends = list(accumulate(map(len, frames)))
    elif pieces == "whole":
        ends = [length]
    elif pieces == "byte":
        ends = list(range(1, length + 1))
    else:
        joined = b"".join(frames)
        # After the first byte of a character of several, which all begin with two ones (RFC 3629 section 3).
        ends = [n + 1 for n, byte in enumerate(joined) if byte >= 0xC0]
    return _between(frames, [*(end for end in ends if end < length), length])


def _between(frames: Sequence[bytes], ends: Sequence[int]) -> list[Piece]:
    joined, frame_ends = b"".join(frames), list(accumulate(map(len, frames)))
    pieces: list[Piece] = []
    done = out = 0
    for end in ends:
        whole = done
        while whole < len(frame_ends) and frame_ends[whole] <= end:
            whole += 1
        if end > out:
            pieces.append(Piece(joined[out:end], whole - done))
            out, done = end, whole
    return pieces


def _framed(content: Content, pieces: list[Piece], length: int, off: int) -> list[Piece]:
    if off or not content.streamed:
        announced = b"content-length: %d\r\n\r\n" % max(length + off, 0)
        return [Piece(content.head + announced), *pieces]
    if not content.chunked:
        return [Piece(content.head + b"\r\n"), *pieces]
    opening = Piece(content.head + b"transfer-encoding: chunked\r\n\r\n")
    return [opening, *(Piece(chunk(piece.data), piece.frames) for piece in pieces), Piece(LAST_CHUNK)]


def _place_on_wire(content: Content, frames: Sequence[bytes], pieces: Sequence[Piece], cut: Cut) -> int:
    """After how many bytes of the wire a cut falls: one short of all at most, unless there is no content to cut."""
    if cut.where == "status":
        return 0
    if cut.where == "byte":
        return min(cut.count, sum(len(piece.data) for piece in pieces) - 1)
    place = _place_in_content(frames, content.streamed, cut)
    at = len(pieces[0].data)
    is_chunked = pieces[-1].data == LAST_CHUNK
    for piece in pieces[1:-1] if is_chunked else pieces[1:]:
        head, size = _chunk_head(piece.data) if is_chunked else (0, len(piece.data))
        if place < size:
            return at + (head + place if place else 0)
        place -= size
        at += len(piece.data)
    return at


def _chunk_head(data: bytes) -> tuple[int, int]:
    """How long a chunk's size line is, and how long its content."""
    line = data.index(b"\r\n")
    return line + 2, int(data[:line], 16)


def _cut(pieces: Sequence[Piece], place: int) -> list[Piece]:
    kept: list[Piece] = []
    for piece in pieces:
        if place < len(piece.data):
            return [*kept, Piece(piece.data[:place])] if place else kept
        kept.append(piece)
        place -= len(piece.data)
    return kept
