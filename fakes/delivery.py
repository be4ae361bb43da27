"""Plays a scripted reply out on an exchange: whole, paced, stalled, or broken at an exact frame or byte.

It knows frames and endings, no provider's fields. Every fault leaves something out: a cut at or beyond the
end is moved back, so that a scripted fault always happens.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from fakes.exchange import Exchange
from fakes.providers.base import ParsedRequest, Wire, WireFormat
from fakes.providers.rendering import rendered
from fakes.script import (
    STALL_GATE,
    Answer,
    Reply,
    Reset,
    Stall,
    Status,
    StreamError,
    Text,
    ToolCall,
    Truncate,
)
from fakes.wire.faults import cut_bytes
from fakes.wire.http import LAST_CHUNK, chunk, head


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Bytes in order. The first `whole` pieces are whole frames; `pace` is the seconds between two pieces."""

    head: bytes
    pieces: tuple[bytes, ...]
    whole: int
    tail: bytes = b""
    pace: float = 0.0


def deliver(exchange: Exchange, reply: Reply, form: WireFormat, parsed: ParsedRequest) -> None:
    """Answer with a reply, after its gate."""
    exchange.kind = kind_of(reply)
    gate = None if isinstance(reply, Stall) else reply.gate
    exchange.hold(gate, lambda: _perform(exchange, reply, form, parsed))


def kind_of(reply: Reply) -> str:
    """The name that a reply has in records."""
    names = {Text: "text", ToolCall: "tool", StreamError: "stream-error"}
    return names.get(type(reply), type(reply).__name__.lower())


def _perform(exchange: Exchange, reply: Reply, form: WireFormat, parsed: ParsedRequest) -> None:
    match reply:
        case Status():
            exchange.send(form.error(reply, exchange=exchange.number), "status")
        case Text() | ToolCall():
            _play(exchange, _whole(exchange, reply, form, parsed), exchange.complete)
        case StreamError():
            _stream_error(exchange, reply, form, parsed)
        case Stall():
            _stall(exchange, reply, form, parsed)
        case Reset(after_frames=None, after_bytes=None):
            exchange.reset()
        case Reset():
            _play(exchange, _cut(exchange, reply, form, parsed), exchange.reset)
        case Truncate():
            _play(exchange, _cut(exchange, reply, form, parsed), lambda: exchange.close("truncated"))


def _stall(exchange: Exchange, stall: Stall, form: WireFormat, parsed: ParsedRequest) -> None:
    def wait() -> None:
        exchange.hold(stall.gate or STALL_GATE, lambda: exchange.close("held-then-dropped"))

    if stall.after_frames is None:
        wait()
    else:
        _play(exchange, _cut(exchange, stall, form, parsed), wait)


def _stream_error(exchange: Exchange, reply: StreamError, form: WireFormat, parsed: ParsedRequest) -> None:
    if not parsed.stream:
        status = Status(500, error=reply.error, message=reply.message)
        exchange.send(form.error(status, exchange=exchange.number), "stream-error")
        return
    wire = rendered(form, reply.answer, parsed, exchange.number)
    kept = wire.frames[: min(reply.after_frames, len(wire.frames) - 1)]
    frames = [*kept, form.failure(reply, parsed, exchange.number, len(kept))]
    failing = Wire(frames=frames, content_type=wire.content_type)
    _play(exchange, _framed(exchange, failing, reply.answer.pace), exchange.complete)


def _whole(exchange: Exchange, answer: Answer, form: WireFormat, parsed: ParsedRequest) -> Play:
    wire = rendered(form, answer, parsed, exchange.number)
    if parsed.stream:
        return _framed(exchange, wire, answer.pace)
    body = wire.frames[0]
    return Play(head=_sized_head(exchange, wire, len(body)), pieces=(body,), whole=1)


def _framed(exchange: Exchange, wire: Wire, pace: float) -> Play:
    opening = _stream_head(exchange, wire)
    if exchange.chunked:
        pieces, tail = tuple(map(chunk, wire.frames)), LAST_CHUNK
    else:
        pieces, tail = tuple(wire.frames), b""
    return Play(head=opening, pieces=pieces, whole=len(pieces), tail=tail, pace=pace)


def _cut(exchange: Exchange, fault: Stall | Reset | Truncate, form: WireFormat, parsed: ParsedRequest) -> Play:
    wire = rendered(form, fault.answer, parsed, exchange.number)
    terminated = isinstance(fault, Truncate) and fault.terminated
    after_bytes = None if isinstance(fault, Stall) else fault.after_bytes
    if not parsed.stream:
        return _cut_body(exchange, wire, after_bytes, fault.after_frames, terminated)
    if after_bytes is None:
        most = len(wire.frames) if isinstance(fault, Stall) else len(wire.frames) - 1  # a stall may follow the answer
        whole = min(fault.after_frames or 0, most)
        kept = wire.frames[:whole]
    else:
        kept, whole = cut_bytes(wire.frames, after_bytes)
    pieces = tuple(map(chunk, kept)) if exchange.chunked else tuple(kept)
    if exchange.chunked and len(kept) > whole and not terminated:
        # The chunk announces the frame's full length, so the cut shows in the framing too.
        pieces = (*pieces[:whole], b"%x\r\n%b" % (len(wire.frames[whole]), kept[whole]))
    tail = LAST_CHUNK if terminated and exchange.chunked else b""
    opening = _stream_head(exchange, wire)
    return Play(head=opening, pieces=pieces, whole=whole, tail=tail, pace=fault.answer.pace)


def _cut_body(
    exchange: Exchange, wire: Wire, after_bytes: int | None, after_frames: int | None, terminated: bool
) -> Play:
    """Cut a body that has no frames to count: any frame number above 0 cuts it in the middle."""
    body = wire.frames[0]
    at = after_bytes if after_bytes is not None else len(body) // 2 if after_frames else 0
    kept = body[: min(at, len(body) - 1)]
    opening = _sized_head(exchange, wire, len(kept) if terminated else len(body))
    return Play(head=opening, pieces=(kept,), whole=0)


def _sized_head(exchange: Exchange, wire: Wire, size: int) -> bytes:
    return head(200, wire.content_type, (), exchange.keep_alive) + b"content-length: %d\r\n\r\n" % size


def _stream_head(exchange: Exchange, wire: Wire) -> bytes:
    framing = b"transfer-encoding: chunked\r\n\r\n" if exchange.chunked else b"\r\n"
    no_cache = (("cache-control", "no-cache"),)
    return head(200, wire.content_type, no_cache, exchange.keep_alive) + framing


def _play(exchange: Exchange, play: Play, then: Callable[[], None]) -> None:
    exchange.status = 200
    if play.pace <= 0 or len(play.pieces) < 2:
        exchange.write(b"".join((play.head, *play.pieces, play.tail)), play.whole)
        then()
        return
    exchange.write(play.head, 0)
    loop = asyncio.get_running_loop()
    start = loop.time()

    def step(number: int) -> None:
        exchange.write(play.pieces[number], 1 if number < play.whole else 0)
        if number + 1 < len(play.pieces):
            exchange.timer = loop.call_at(start + (number + 1) * play.pace, step, number + 1)
        else:
            exchange.timer = None
            exchange.write(play.tail, 0)
            then()

    step(0)
