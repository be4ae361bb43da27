"""A gateway tidies up after the last one before it asks whether that is still there [OC#124653].

Breaks LCK-9. It then finds that another one is running, says so and ends; but the runs that the other one has are
called interrupted already.
"""

from __future__ import annotations

from reference.deadline import Deadline
from reference.gateway.server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("LCK-9",)


class _Server(Server):
    """Takes every run on record for one that its gateway has left behind."""

    def own(self) -> None:
        """Record all runs as over, then take the state directory. Raises Busy(`gateway-running`)."""
        end_all_runs(self)
        super().own()


def end_all_runs(gateway: Server) -> None:
    """Record all runs as over, whosever they are."""
    with gateway.parts.run_registry(gateway.home, Deadline.after(None)) as registry:
        for row in registry.rows(everything=False):
            registry.finish_dead(row["id"], "interrupted")


def replace(parts: Parts) -> Parts:
    """Swap the gateway."""
    return parts.replace(gateway_server=_Server)
