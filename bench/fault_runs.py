"""Seeded faults against a raw socket: are exactly the scripted bytes delivered, and does the journal say so?"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from rich.table import Table

from bench.fault_oracle import expected
from bench.results import OURS, Results, Row
from bench.rounds import BenchError, Say
from fakes.chaos import drawn
from fakes.events import ReplySent, digest
from fakes.script import Broken, Match, Rule, Script
from fakes.server import Fakes

RUNS = 1000
_REPEATED = 100
_NOW = 1_700_000_000.0  # the server's clock stands still, so that dates do not differ
_LIMIT = 60.0
# Of one length, so that both requests count the same tokens.
_WHOLE, _FAULT = "[[whole]]", "[[fault]]"


@dataclass(frozen=True, slots=True)
class Received:
    """What a raw client saw: the bytes, and whether they ended by "fin" or "reset"."""

    data: bytes
    end: str


def run(*, rounds: int, say: Say, runs: int = RUNS, repeated: int = _REPEATED) -> Results:
    """`runs` seeds once each, then `repeated` of them again. Raises BenchError at the first byte that differs."""
    del rounds
    say(f"{runs} seeded faults")
    journals = asyncio.run(_seeds(range(runs)))
    same = 0
    for seed in range(repeated):
        same += asyncio.run(_seeds([seed]))[0] == journals[seed]
    say(f"{same} of {repeated} journals came out the same again")
    if same < repeated:
        raise BenchError(f"only {same} of {repeated} seeds gave the same journal twice")
    table = Table("measure", "value", title="bench fault-runs", title_justify="left")
    counts = (
        Row(measure="fault runs, every byte as scripted", arm=OURS, value=runs, unit="count"),
        Row(measure="same seed, same journal", arm=OURS, value=same, unit="count"),
    )
    for row in counts:
        table.add_row(row.measure, f"{row.value:g}")
    return Results(name="fault-runs", times=(), ratios=(), versions={}, counts=counts, table=table)


async def _seeds(seeds: range | list[int]) -> list[list[Any]]:
    return [await one(seed) for seed in seeds]


async def one(seed: int) -> list[Any]:
    """Run one seed, alone in a server of its own, and give its journal without what no run can repeat: the ports.

    Raises:
        BenchError: a byte, the ending or the journal is not as scripted.
    """
    events: list[Any] = []
    broken = drawn(seed)
    rules = (Rule("whole", Match(marker="whole"), (broken.answer,)), Rule("fault", Match(marker="fault"), (broken,)))
    path, body, streamed = request_of(seed)
    streamed = streamed and not hasattr(broken.answer, "code")
    async with asyncio.timeout(_LIMIT), Fakes(Script(rules), record=events.append, clock=lambda: _NOW) as fakes:
        whole = await _talk(fakes, path, body(_WHOLE), stalls=False)
        stalls = broken.cut is not None and broken.cut.ending == "stall"
        got = await _talk(fakes, path, body(_FAULT), stalls=stalls)
    sent = [event for event in events if isinstance(event, ReplySent)]
    # Identifiers hold the exchange's number, in twenty digits at least.
    reference = whole.data.replace(b"%020d" % sent[0].exchange, b"%020d" % sent[1].exchange)
    _compare(seed, broken, got, expected(reference, broken, streamed), sent[1])
    return [_without_port(event) for event in events]


def _compare(seed: int, broken: Broken, got: Received, wanted: bytes, sent: ReplySent) -> None:
    end = "reset" if broken.cut is not None and broken.cut.ending == "reset" else "fin"
    if got.data != wanted or got.end != end:
        at = next((n for n, (a, b) in enumerate(zip(got.data, wanted, strict=False)) if a != b), len(wanted))
        sizes = f"{len(got.data)} bytes and {got.end} for {len(wanted)} and {end}"
        raise BenchError(f"seed {seed}: {sizes}, different from byte {at} on\n{broken}\n{got.data!r}\n{wanted!r}")
    at = 0
    for size, said in zip(sent.sizes, sent.digests, strict=True):
        if digest(got.data[at : at + size]) != said:
            raise BenchError(f"seed {seed}: the journal's digest of the bytes from {at} on is wrong")
        at += size
    if at != len(got.data) or sent.bytes != at:
        raise BenchError(f"seed {seed}: the journal says {sent.bytes} bytes, {len(got.data)} arrived")


def _without_port(event: Any) -> Any:
    return replace(event, peer_port=0) if hasattr(event, "peer_port") else event


async def _talk(fakes: Fakes, path: str, body: bytes, *, stalls: bool) -> Received:
    loop = asyncio.get_running_loop()
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", fakes.port))
        await loop.sock_sendall(client, head.encode() + body)
        if stalls:
            await fakes.wait_held("stall", 1)
            fakes.release("stall", 1)
        data = b""
        try:
            while part := await loop.sock_recv(client, 65536):
                data += part
        except ConnectionResetError:
            return Received(data, "reset")
        return Received(data, "fin")


def request_of(seed: int) -> tuple[str, Callable[[str], bytes], bool]:
    """The path of a seed's request, what makes its body of a text, and whether it asks for a stream."""
    path, make = _ASKS[seed % len(_ASKS)]
    streamed = seed // len(_ASKS) % 3 != 0
    if "{}" in path:
        path = path.format("streamGenerateContent?alt=sse" if streamed else "generateContent")
    return path, lambda text: json.dumps(make(text, streamed)).encode(), streamed


_Make = Callable[[str, bool], dict[str, Any]]
_ASKS: tuple[tuple[str, _Make], ...] = (
    ("/v1/messages", lambda text, stream: {"max_tokens": 9, **_chat(text, stream)}),
    ("/v1/chat/completions", lambda text, stream: _chat(text, stream)),
    ("/v1/responses", lambda text, stream: {"model": "m", "input": text, "stream": stream}),
    ("/v1beta/models/m:{}", lambda text, stream: {"contents": [{"role": "user", "parts": [{"text": text}]}]}),
)


def _chat(text: str, stream: bool) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], "stream": stream}
