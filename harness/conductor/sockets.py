"""The names of Unix sockets: which path an address is, which one a socket was bound to, and who answers there.

Who answers is asked of the kernel by sock_diag(7), which tells the inode that a socket was bound to: its name may have
been a relative one, and may have been changed since. A kernel without it (CONFIG_UNIX_DIAG) tells nothing, and then
nobody is said to connect in vain. Of names that are no paths (`ports`) it tells the same.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from harness.conductor import diag, ports
from harness.conductor.paths import open_file

_MESSAGE, _ATTRIBUTE = struct.Struct("=BBBBIII"), struct.Struct("=HH")  # unix_diag_msg, rtattr
_NAME, _NODE = 0, 1  # UNIX_DIAG_NAME, UNIX_DIAG_VFS
_SHOW = 1 << _NAME | 1 << _NODE
_STATES = 1 << diag.CLOSED | 1 << diag.LISTENS
_LINK = "socket:["


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A Unix socket that has a name."""

    number: int  # the socket's own inode
    node: int  # the inode of its path; 0 for an abstract name
    name: str  # as it was given, an abstract one as `ports` has it
    answers: bool  # whether it takes what is sent there: it listens, or is one for datagrams


def path_in(raw: bytes) -> str:
    """The path in a socket's address; "" for one that has none, or is no Unix socket's."""
    if len(raw) < 3 or struct.unpack_from("=H", raw)[0] != socket.AF_UNIX:
        return ""
    return os.fsdecode(raw[2:].split(b"\0", 1)[0])


def number(thread: int, argument: int) -> int:
    """The inode of an open socket, of which a call's argument is the descriptor. Raises OSError with EBADF for none."""
    link = str(open_file(thread, argument).readlink())
    if not link.startswith(_LINK):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return int(link[len(_LINK) : -1])


def name_of(wanted: int) -> str:
    """The path that the socket of this inode was bound to, as it was given; "" for none. Raises OSError."""
    return next((bound.name for bound in _bound() if bound.number == wanted and bound.node), "")


def answering() -> frozenset[int]:
    """The inodes of all sockets that answer at a name. Raises OSError where that cannot be told of Unix sockets."""
    found = {bound.number for bound in _bound() if bound.answers}
    with suppress(OSError):
        found |= {listener.number for listener in ports.listeners()}
    return frozenset(found)


def has_owner(name: str) -> bool:
    """Whether a name that is no path is somebody's already. False where that cannot be told."""
    with suppress(OSError):
        return any(bound.name == name for bound in _bound() if not bound.node) or _listens(name)
    return False


def refuses(path: str) -> bool:
    """Whether nobody answers who connects to a path, or to another name, now. False where that cannot be told."""
    try:
        if ports.is_name(path):
            abstract = (bound for bound in _bound() if bound.name == path and not bound.node)
            return not (any(bound.answers for bound in abstract) or _listens(path))
        node = os.stat(path).st_ino  # noqa: PTH116 - asked at each attempt
        return not any(bound.answers for bound in _bound() if bound.node == node)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _listens(name: str) -> bool:
    """Whether somebody listens at this port. Raises OSError."""
    return any(listener.name == name for listener in ports.listeners())


def _bound() -> Iterator[Bound]:
    """All of this network namespace that have a name and are not connected. Raises OSError."""
    for body in diag.unix(_STATES, _SHOW):
        _, kind, state, _, inode, _, _ = _MESSAGE.unpack_from(body)
        found = dict(diag.pieces(body[_MESSAGE.size :], _ATTRIBUTE, _ATTRIBUTE.size))
        raw, answers = found.get(_NAME, b""), state == diag.LISTENS or kind == socket.SOCK_DGRAM
        if _NODE in found:
            node = int.from_bytes(found[_NODE][:4], "little")
            yield Bound(number=inode, node=node, name=os.fsdecode(raw.split(b"\0", 1)[0]), answers=answers)
        elif raw[:1] == b"\0":
            yield Bound(number=inode, node=0, name=ports.abstract(raw[1:]), answers=answers)
