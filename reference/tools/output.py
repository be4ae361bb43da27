"""What a command wrote, its beginning and its end, within a bound."""

from __future__ import annotations

import os

HEAD = 24 * 1024
TAIL = 24 * 1024


class Output:
    """The first HEAD and the last TAIL bytes of a stream of any length."""

    __slots__ = ("_head", "_tail", "_total")

    def __init__(self) -> None:
        self._head = b""
        self._tail = b""
        self._total = 0

    def read(self, descriptor: int) -> bool:
        """Take what the pipe has now, waiting for the first byte; False at its end."""
        data = os.read(descriptor, 65536)
        self._total += len(data)
        room = HEAD - len(self._head)
        self._head += data[:room]
        self._tail = (self._tail + data[room:])[-TAIL:]
        return bool(data)

    def read_rest(self, descriptor: int) -> None:
        """Take what is left in a pipe, without waiting for a writer that may still hold it."""
        os.set_blocking(descriptor, False)
        try:
            while self.read(descriptor):
                pass
        except BlockingIOError:
            return

    def text(self) -> str:
        """The text, with the number of bytes left out where it was too long."""
        left_out = self._total - len(self._head) - len(self._tail)
        gap = f"\n[… {left_out} bytes left out …]\n".encode() if left_out else b""
        return (self._head + gap + self._tail).decode(errors="replace")
