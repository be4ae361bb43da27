"""What client and gateway say to each other: one JSON object per line, on a Unix socket in the state
directory.

    gateway: {"event": "ready", "pid": …}                       at once
    client:  {"op": "status"} | {"op": "run", "request": {…}, "detach": …} | {"op": "cancel"}
    gateway: {"event": "status", "gateway": {…}}
    gateway: {"event": "accepted", "run": {…}} | {"event": "refused", "error": {…}}
    gateway: {"event": "started" | "waiting" | "attempt" | "tool", …}  as the run goes on
    gateway: {"event": "result", "document": {…}, "exit": …}    once, at the end

A client that closes its end cancels its run, unless it asked to detach.
"""

from __future__ import annotations

import json
import os
import socket
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from reference.home import Home

    Line = dict[str, Any]

SOCKET = "gateway.sock"
LINE_LIMIT = 1 << 20  # bytes that a client may send; a request holds a message of at most 100 kB


def encode(line: Line) -> bytes:
    """One line."""
    return json.dumps(line).encode() + b"\n"


def decode(data: bytes) -> Line | None:
    """The object in one line, or None if it is none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


class Address:
    """The socket's address, through a descriptor of its folder, as sun_path holds no more than 108 bytes."""

    __slots__ = ("_folder",)

    def __init__(self, home: Home) -> None:
        self._folder = os.open(home.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> str:
        return f"/proc/self/fd/{self._folder}/{SOCKET}"

    def __exit__(self, *reason: object) -> None:
        os.close(self._folder)


def is_socket(path: str) -> bool:
    """Whether a socket stands there, and not a link to one or a file of somebody's."""
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


class Lines:
    """Whole lines out of a stream of bytes. Without a `limit` they are of any length, as what a model says is."""

    __slots__ = ("_rest", "limit")

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that are complete now. Raises ValueError when one is longer than the limit."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            yield bytes(self._rest + line)
            self._rest.clear()
        self._rest += rest
        if self.limit is not None and len(self._rest) > self.limit:
            raise ValueError("line too long")


def new_socket() -> socket.socket:
    """A stream socket; Python makes it close-on-exec."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
