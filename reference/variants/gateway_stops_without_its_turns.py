"""A gateway that gets SIGTERM tells its turns to end and is gone: only a restart waits for them [OC#65485].

Breaks MSG-5. Whoever waited for a turn is told at once that the gateway is lost, while the turn's tools still end.
"""

from __future__ import annotations

import signal

from reference.gateway.server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("MSG-5",)


class _Server(Server):
    def _drain(self) -> None:
        """Tell the workers, and wait for none."""
        for worker in self.workers:
            self._end(worker, signal.SIGTERM)


def replace(parts: Parts) -> Parts:
    """Swap the gateway."""
    return parts.replace(gateway_server=_Server)
