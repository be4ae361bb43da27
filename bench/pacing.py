"""Many paced streams at once: how far each frame came from when it was due after the one before."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import cast


async def gaps(host: str, port: int, request: bytes, *, streams: int) -> list[list[float]]:
    """The seconds between the frames of each stream; frames that came together are 0 apart."""
    loop = asyncio.get_running_loop()

    async def one() -> list[float]:
        done: asyncio.Future[list[float]] = loop.create_future()
        await loop.create_connection(lambda: _Stream(request, done), host, port)
        times = await done
        return [later - earlier for earlier, later in pairwise(times)]

    return await asyncio.gather(*(one() for _ in range(streams)))


def p99_error(found: Sequence[Sequence[float]], pace: float, deltas: int) -> float:
    """The 99th percentile of how much a gap between two deltas differs from the pace, in seconds."""
    errors = [abs(gap - pace) for stream in found for gap in stream[1:deltas]]
    return statistics.quantiles(errors, n=100)[98]


class _Stream(asyncio.Protocol):
    """One request on a connection of its own; notes when each frame arrived."""

    def __init__(self, request: bytes, done: asyncio.Future[list[float]]) -> None:
        self._request = request
        self._done = done
        self._times: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.WriteTransport, transport).write(self._request)  # uvloop's are no subclass of it

    def data_received(self, data: bytes) -> None:
        self._times += [time.perf_counter()] * data.count(b"data: ")

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(self._times)
