"""What the command and the keeper of its child work say to each other, over one socket.

command → keeper   start              begin now
                   (end of stream)    the command is gone or does not want the work any more
keeper → command   {"started": pid}   the shell runs; of background work this is the last word
                   {"failed": errno}  it could not be started
                   {"status": n, "why": "ended" | "cancelled", "left": […], "survivors": […]}
"""

from __future__ import annotations

import json
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

START = b"start"
_LIMIT = 64 * 1024


def pair() -> tuple[socket.socket, socket.socket]:
    """The command's end and the keeper's end. SEQPACKET: one send is one receive, and a death is an end."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def tell(to: socket.socket, **facts: object) -> None:
    """Send facts; whoever should hear them may be gone, which changes nothing."""
    try:
        to.send(json.dumps(facts).encode()[:_LIMIT])
    except (BrokenPipeError, ConnectionResetError):
        return


def hear(at: socket.socket) -> dict[str, Any] | None:
    """The next facts, or None at the end of the stream."""
    try:
        data = at.recv(_LIMIT)
    except ConnectionResetError:  # told once if the other end left something unread; what it said is still there
        data = at.recv(_LIMIT)
    return json.loads(data) if data else None
