"""A gateway does not start while the process lives whose pid the last one has left in its record.

Breaks CHD-8. That may be anybody's by now, after a reboot or in a container that begins with the same pids each time:
the gateway stays away until somebody deletes the record.
"""

from __future__ import annotations

from reference import identity
from reference.gateway.server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CHD-8",)


class _Server(Server):
    """Believes the record before it asks for the lock."""

    def own(self) -> None:
        """Take the state directory, if its last owner is gone. Raises Busy(`gateway-running`)."""
        pid = self.lock.holder().get("pid")
        if isinstance(pid, int) and identity.start_time(pid) is not None:
            raise self.lock.busy()
        super().own()


def replace(parts: Parts) -> Parts:
    """Swap the gateway."""
    return parts.replace(gateway_server=_Server)
