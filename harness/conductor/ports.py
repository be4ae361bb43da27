"""Names of sockets that are no paths: ports of this machine, and abstract names (unix(7)).

Such a name goes as "port:8080", whatever its protocol and address, or as "@name". Who listens at a port is asked of the
kernel by sock_diag(7), which does not tell of one that is bound and not listened at yet: nobody is said to bind in vain
then. `sockets` knows who has an abstract name.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.conductor import diag, kernel
from harness.conductor.calls import Family

if TYPE_CHECKING:
    from harness.conductor.stopped import StoppedCall

_PORT, _ABSTRACT = "port:", "@"
_PLACE, _NUMBER = struct.Struct("!4xH"), struct.Struct("=68xI")  # of an inet_diag_msg: the own port, and the inode


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A socket that can be connected to by TCP."""

    number: int  # its inode
    name: str  # of its port


class Known:
    """The names that the actors of a run have bound, or listened at."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def take(self, call: StoppedCall) -> bool:
        """Whether the call concerns one of them."""
        if call.kind.family is not Family.NETWORK:
            self._names.add(call.path)
        return call.path in self._names


def is_name(text: str) -> bool:
    """Whether this is such a name; paths of stopped calls are absolute."""
    return text.startswith((_PORT, _ABSTRACT))


def name_in(raw: bytes) -> str:
    """The name in a socket's address; "" for a path, for none, and for a port that the kernel is to choose."""
    family = struct.unpack_from("=H", raw)[0] if len(raw) > 3 else socket.AF_UNSPEC
    if family in (socket.AF_INET, socket.AF_INET6):
        return _of_port(struct.unpack_from("!H", raw, 2)[0])
    if family == socket.AF_UNIX and not raw[2]:
        return abstract(raw[3:])
    return ""


def abstract(name: bytes) -> str:
    """An abstract name, without the byte before it. Some programs fill the whole address with zeroes behind it."""
    return _ABSTRACT + os.fsdecode(name.rstrip(b"\0").replace(b"\0", b"@"))


def of_socket(thread: int, argument: int) -> str:
    """The name that an open socket was bound to; "" for none. Raises OSError, also for what is no socket."""
    with socket.socket(fileno=kernel.borrow_from_thread(thread, argument & 0xFFFFFFFF)) as borrowed:
        found = borrowed.getsockname()
    if isinstance(found, tuple):
        return _of_port(found[1]) if borrowed.family in (socket.AF_INET, socket.AF_INET6) else ""
    return abstract(found[1:]) if isinstance(found, bytes) and found else ""


def listeners() -> Iterator[Listener]:
    """All of this network namespace. Raises OSError where that cannot be told (CONFIG_INET_DIAG)."""
    for family in (socket.AF_INET, socket.AF_INET6):
        for body in diag.tcp(family, 1 << diag.LISTENS):
            yield Listener(number=_NUMBER.unpack_from(body)[0], name=_of_port(_PLACE.unpack_from(body)[0]))


def _of_port(port: int) -> str:
    return f"{_PORT}{port}" if port else ""
