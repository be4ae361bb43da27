"""A cheap HTTP client to load a server with: asyncio protocols and httptools' parser, one request at a time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import httptools


@dataclass(slots=True)
class Tally:
    """What came of it: how many answers of each status, 0 for a connection that closed without one."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return sum(self.statuses.values()) / self.seconds


async def drive(host: str, port: int, requests: Sequence[bytes], *, connections: int, count: int) -> Tally:
    """Send `count` requests, in turn those given, over so many connections; each waits for its answer."""
    loop, tally, given = asyncio.get_running_loop(), Tally(), 0
    finished = loop.create_future()

    def take() -> bytes | None:
        nonlocal given
        if given == count:
            return None
        given += 1
        return requests[(given - 1) % len(requests)]

    def answered(status: int) -> None:
        tally.statuses[status] += 1
        if sum(tally.statuses.values()) == count and not finished.done():
            finished.set_result(None)

    async def connect(first: bytes) -> None:
        await loop.create_connection(lambda: _Client(first, take, answered, again), host, port)

    def again(first: bytes) -> None:
        tasks.add(loop.create_task(connect(first)))

    tasks: set[asyncio.Task[None]] = set()
    began = time.perf_counter()
    for _ in range(connections):
        request = take()
        if request is not None:
            again(request)
    await finished
    tally.seconds = time.perf_counter() - began
    await asyncio.gather(*tasks)
    return tally


class _Client(asyncio.Protocol):
    """One connection: the first request, then whatever `take` gives; `again` opens the next when this one closes."""

    def __init__(
        self,
        first: bytes,
        take: Callable[[], bytes | None],
        answered: Callable[[int], None],
        again: Callable[[bytes], None],
    ) -> None:
        self._first = first
        self._take = take
        self._answered = answered
        self._again = again
        self._waits = True
        self._transport: asyncio.WriteTransport | None = None
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's are no subclass of it
        self._transport.write(self._first)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            return
        self._waits = False
        keep = self._parser.should_keep_alive()
        self._answered(status)
        request = self._take()
        assert self._transport is not None
        if request is None or not keep:
            self._transport.close()
        if request is not None and not keep:
            self._again(request)
        elif request is not None:
            self._waits = True
            self._parser = httptools.HttpResponseParser(self)
            self._transport.write(request)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._waits:
            return
        self._answered(0)
        request = self._take()
        if request is not None:
            self._again(request)
