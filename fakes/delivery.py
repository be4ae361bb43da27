"""Plays a scripted reply out on an exchange: whole, paced, or broken at an exact frame or byte.

It knows when bytes go out and how a connection ends; `fakes.layout` knows which bytes, `fakes.providers` what they say.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fakes.broken import Cut, Ending
from fakes.exchange import Exchange
from fakes.layout import Content, Piece, lay_out
from fakes.providers.base import ParsedRequest, Wire, WireFormat
from fakes.providers.rendering import rendered
from fakes.script import (
    STALL_GATE,
    Answer,
    Broken,
    Parts,
    Reply,
    Reset,
    Stall,
    Status,
    StreamError,
    Text,
    ToolCall,
    Truncate,
)
from fakes.wire.http import LAST_CHUNK, head

_STATUS_LINE = len(b"HTTP/1.1 200")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When the pieces go out, in seconds: the first byte, the first frame after the head, and each further one."""

    delay: float = 0.0
    first: float = 0.0
    pace: float = 0.0


def deliver(exchange: Exchange, reply: Reply, form: WireFormat, parsed: ParsedRequest) -> None:
    """Answer with a reply, after its gate."""
    exchange.kind = kind_of(reply)
    gate = None if isinstance(reply, Stall) else reply.gate
    exchange.hold(gate, lambda: _perform(exchange, reply, form, parsed))


def kind_of(reply: Reply) -> str:
    """The name that a reply has in records."""
    names = {Text: "text", ToolCall: "tool", Parts: "parts", StreamError: "stream-error"}
    return names.get(type(reply), type(reply).__name__.lower())


def _perform(exchange: Exchange, reply: Reply, form: WireFormat, parsed: ParsedRequest) -> None:
    match reply:
        case Status():
            exchange.send(form.error(reply, exchange=exchange.number), "status")
        case StreamError():
            _stream_error(exchange, reply, form, parsed)
        case Stall() | Reset() | Truncate():
            _break(exchange, _as_broken(reply), form, parsed)
        case Broken():
            _break(exchange, reply, form, parsed)
        case _:
            wire = rendered(form, reply, parsed, exchange.number)
            content = _content(exchange, form, wire, streamed=parsed.stream)
            timing = _timing(reply, streamed=parsed.stream)
            _play(exchange, 200, lay_out(content), timing, exchange.complete)


def _as_broken(reply: Stall | Reset | Truncate) -> Broken:
    """The short forms, in the words of all."""
    ending: Ending = "stall" if isinstance(reply, Stall) else "reset" if isinstance(reply, Reset) else "fin"
    if isinstance(reply, Truncate) and reply.terminated:
        ending = "end"
    gate = reply.gate or STALL_GATE if isinstance(reply, Stall) else STALL_GATE
    after_bytes = None if isinstance(reply, Stall) else reply.after_bytes
    if after_bytes is not None:
        cut = Cut("body", after_bytes, ending)
    elif reply.after_frames is not None:
        cut = Cut("frame", reply.after_frames, ending)
    else:
        cut = Cut("status", 0, ending)
    return Broken(answer=reply.answer, cut=replace(cut, gate=gate))


def _break(exchange: Exchange, broken: Broken, form: WireFormat, parsed: ParsedRequest) -> None:
    if broken.cut is not None and broken.cut.ending == "end":
        # With its framing whole a client would use the connection again, and run into our end of it.
        exchange.keep_alive = False
    if isinstance(broken.answer, Status):
        reply = form.error(broken.answer, exchange=exchange.number)
        status, timing = reply.status, Timing()
        opening = head(reply.status, reply.content_type, reply.headers, exchange.keep_alive, exchange.clock())
        content = Content(head=opening, frames=[reply.body], streamed=False, chunked=exchange.chunked)
    else:
        wire = rendered(form, broken.answer, parsed, exchange.number)
        status, timing = 200, _timing(broken.answer, streamed=parsed.stream)
        content = _content(exchange, form, wire, streamed=parsed.stream)
    pieces = lay_out(content, framing=broken.framing, altered=broken.altered, cut=broken.cut)
    timing = replace(timing, delay=timing.delay + broken.delay)
    _play(exchange, status, pieces, timing, lambda: _end(exchange, broken))


def _end(exchange: Exchange, broken: Broken) -> None:
    ending = broken.cut.ending if broken.cut is not None else ""
    if ending == "reset":
        exchange.reset()
    elif ending in ("fin", "end") or (not ending and broken.framing.length > 0):
        exchange.close("truncated")
    elif broken.cut is not None:
        exchange.hold(broken.cut.gate, lambda: exchange.close("held-then-dropped"))
    elif broken.framing.length < 0:
        exchange.close("complete")
    else:
        exchange.complete()


def _stream_error(exchange: Exchange, reply: StreamError, form: WireFormat, parsed: ParsedRequest) -> None:
    if not parsed.stream:
        status = Status(500, error=reply.error, message=reply.message)
        exchange.send(form.error(status, exchange=exchange.number), "stream-error")
        return
    wire = rendered(form, reply.answer, parsed, exchange.number)
    kept = wire.frames[: min(reply.after_frames, len(wire.frames) - 1)]
    frames = [*kept, form.failure(reply, parsed, exchange.number, len(kept))]
    failing = _content(exchange, form, Wire(frames=frames, content_type=wire.content_type), streamed=True)
    _play(exchange, 200, lay_out(failing), _timing(reply.answer, streamed=True), exchange.complete)


def _timing(answer: Answer, *, streamed: bool) -> Timing:
    # Nothing is known of an answer that is not streamed before it is whole, so its head waits with it.
    if not streamed:
        return Timing(delay=answer.first)
    return Timing(first=answer.first, pace=answer.pace)


def _content(exchange: Exchange, form: WireFormat, wire: Wire, *, streamed: bool) -> Content:
    extra = (("cache-control", "no-cache"),) if streamed else ()
    named = form.request_id(exchange.number)
    opening = head(200, wire.content_type, (*named, *extra), exchange.keep_alive, exchange.clock())
    return Content(head=opening, frames=wire.frames, streamed=streamed, chunked=exchange.chunked)


def _play(exchange: Exchange, status: int, pieces: Sequence[Piece], timing: Timing, then: Callable[[], None]) -> None:
    def opened() -> None:
        exchange.status = status if pieces and len(pieces[0].data) >= _STATUS_LINE else 0

    if not (timing.delay or timing.first or timing.pace):
        opened()
        exchange.write(pieces)
        then()
        return
    steps = _steps(pieces, timing)
    loop = asyncio.get_running_loop()
    start = loop.time()

    def step(number: int) -> None:
        exchange.timer = None
        opened()
        exchange.write(steps[number][1])
        if number + 1 < len(steps):
            exchange.timer = loop.call_at(start + steps[number + 1][0], step, number + 1)
        else:
            then()

    if steps[0][0] > 0:
        exchange.timer = loop.call_at(start + steps[0][0], step, 0)
    else:
        step(0)


def _steps(pieces: Sequence[Piece], timing: Timing) -> list[tuple[float, list[Piece]]]:
    """What goes out together, and how many seconds after the start."""
    steps: list[tuple[float, list[Piece]]] = [(timing.delay, list(pieces[:1]))]
    for number, piece in enumerate(pieces[1:]):
        wait = timing.first if number == 0 else timing.pace
        if wait > 0 and piece.data != LAST_CHUNK:
            steps.append((steps[-1][0] + wait, [piece]))
        else:
            steps[-1][1].append(piece)
    return steps
