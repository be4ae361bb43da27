"""A gateway that starts calls every run on record interrupted: nothing can be left from before, it thinks [GC#1272].

Breaks OPS-1. Runs that were never its own go on, and no list shows them.
"""

from __future__ import annotations

from reference.gateway.server import Server
from reference.variants.gateway_tidies_first import end_all_runs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("OPS-1",)


class _Server(Server):
    """Takes every run on record for one that the last gateway has left behind."""

    def own(self) -> None:
        """Take the state directory, then record all runs as over. Raises Busy(`gateway-running`)."""
        super().own()
        end_all_runs(self)


def replace(parts: Parts) -> Parts:
    """Swap the gateway."""
    return parts.replace(gateway_server=_Server)
