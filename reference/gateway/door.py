"""Where clients come in, and what becomes of them while the gateway has no descriptor for one more.

They are turned away at once, by means of a descriptor that is kept for that: without it they could not even be told to
go. It may be of no use (a limit that was lowered) or go to somebody else (ENFILE); then they wait, and are looked for
again a little later. It refuses to look again and again for what it cannot take in: that uses up a processor.
"""

from __future__ import annotations

import os
import selectors

from reference.deadline import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_SHUT_SECONDS = 0.2  # while clients wait


class Door:
    """A listening socket in a selector. `take` gets each connection; `shut_until` is None while clients come in."""

    __slots__ = ("_listener", "_selector", "_spare", "_take", "shut_until")

    def __init__(
        self, listener: socket.socket, selector: selectors.BaseSelector, take: Callable[[socket.socket], None]
    ) -> None:
        self._listener = listener
        self._selector = selector
        self._take = take
        self._spare = -1
        self.shut_until: Deadline | None = Deadline.after(None)

    def open(self) -> None:
        """Take in those who come, from now on."""
        if self._spare < 0:
            self._keep_spare()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self.shut_until = None

    def open_when_due(self) -> None:
        """The same, if it was shut for want of descriptors and has been for a while."""
        if self.shut_until is not None and self.shut_until.passed():
            self.open()

    def shut(self, seconds: float | None = None) -> None:
        """Let those who come wait, that long or for good."""
        if self.shut_until is None:
            self._selector.unregister(self._listener)
        self.shut_until = Deadline.after(seconds)

    def _accept(self, mask: int) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:
            self._turn_away()
            return
        self._take(connection)

    def _turn_away(self) -> None:
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1
        try:
            self._listener.accept()[0].close()
        except (BlockingIOError, ConnectionAbortedError):
            pass
        except OSError:
            self.shut(_SHUT_SECONDS)
        self._keep_spare()

    def _keep_spare(self) -> None:
        try:
            self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._spare = -1
