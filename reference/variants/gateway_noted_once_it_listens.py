"""A gateway that was killed between its socket's name and its listening leaves its address taken for ever.

Breaks CHD-8. Who is to follow finds a note of the pid and sees that it is dead, but the note is written last: once the
gateway listens. A killed gateway that had served is replaced; of one that had not yet, only the socket is there.
"""

from __future__ import annotations

import errno
import os

from reference.gateway import protocol
from reference.gateway.server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CHD-8",)
_NOTE = "gateway.pid"


class _Server(Server):
    def listen(self) -> None:
        """Become the gateway, and note who that is. Raises as the reference's does."""
        super().listen()
        with open(self._note(), "w", encoding="ascii") as note:
            note.write(str(os.getpid()))

    def bind(self, address: str) -> None:
        """Take the address of a gateway that has left its note. Raises OSError when a socket stands there without."""
        if protocol.is_socket(address) and not os.path.exists(self._note()):
            path = os.path.join(self.home.path, protocol.SOCKET)
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), path)
        super().bind(address)

    def _note(self) -> str:
        return os.path.join(self.home.path, _NOTE)


def replace(parts: Parts) -> Parts:
    """Swap the gateway."""
    return parts.replace(gateway_server=_Server)
