"""A name server on loopback: it knows the names that it was given, and says of all others that they do not exist.

It asks nobody. `asked(name, port)` is told of every question and of the client's port, also of what it denies: a
program that looks a name up is about to leave the machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from fakes.wire.dns import Address, answer, read_question


class Resolver(asyncio.DatagramProtocol):
    """One UDP port on 127.0.0.1, on the loop of whoever starts it.

    Raises OSError from `start` when no port can be had.
    """

    def __init__(self, addresses: Callable[[str], Sequence[Address]], asked: Callable[[str, int], None]) -> None:
        self.port = 0
        self._addresses = addresses
        self._asked = asked
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one question; nonsense gets no answer."""
        question = read_question(data)
        if question is not None and self._transport is not None:
            self._asked(question.name, addr[1])
            self._transport.sendto(answer(question, self._addresses(question.name)), addr)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
