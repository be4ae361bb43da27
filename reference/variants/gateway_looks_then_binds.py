"""A gateway that looks whether one answers, finds none, and takes the address [OC#68011].

Breaks LCK-9. Between the look and the bind another one has done the same: the later one puts its socket in the place of
the other's, and both go on.
"""

from __future__ import annotations

from reference.deadline import Deadline
from reference.gateway import client
from reference.gateway.server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("LCK-9",)


class _Server(Server):
    """Leaves a record in the lock, and does not ask whether it has it."""

    def own(self) -> None:
        """Take the state directory if nobody answers. Raises Busy(`gateway-running`)."""
        other = client.connect(self.home, Deadline.after(client.GREETING_SECONDS))
        if other is not None:
            with other:
                raise self.lock.busy()
        self.lock.try_acquire()


def replace(parts: Parts) -> Parts:
    """Swap the gateway."""
    return parts.replace(gateway_server=_Server)
