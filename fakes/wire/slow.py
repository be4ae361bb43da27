"""Reads a connection slowly: so many bytes, then a pause, until the kernel's window is full and the client has to wait.

It stands between the transport and the connection's own protocol, and passes on what it is told.
"""

import asyncio


class SlowReader(asyncio.BufferedProtocol):
    """At most `size` bytes, then nothing for `every` seconds, and again."""

    def __init__(self, inner: asyncio.Protocol, transport: asyncio.Transport, size: int, every: float) -> None:
        self._inner = inner
        self._transport = transport
        self._buffer = bytearray(size)
        self._every = every
        self._timer: asyncio.TimerHandle | None = None

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._transport.pause_reading()
        self._timer = asyncio.get_running_loop().call_later(self._every, self._transport.resume_reading)
        self._inner.data_received(bytes(self._buffer[:nbytes]))

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._inner.connection_lost(exc)
