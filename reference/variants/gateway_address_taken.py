"""A gateway that was killed leaves its address taken: the next one cannot start [OC#67544, OC#65668].

Breaks CHD-8. The file of a Unix socket outlives whoever made it, and bind(2) refuses a name that exists. That a gateway
which is told to end removes it does not help one that is killed.
"""

from __future__ import annotations

from reference.gateway.server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CHD-8",)


class _Server(Server):
    """Takes it for granted that the address is free."""

    def bind(self, address: str) -> None:
        """Take the address. Raises OSError when something stands there."""
        self.listener.bind(address)


def replace(parts: Parts) -> Parts:
    """Swap the gateway."""
    return parts.replace(gateway_server=_Server)
