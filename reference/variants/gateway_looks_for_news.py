"""A gateway looks for a newer version when it starts, as nothing else of the program does: it stays up for weeks.

Breaks NET-1.
"""

from __future__ import annotations

from reference.gateway.server import Server
from reference.variants import _news

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("NET-1",)


class _Curious(Server):
    def listen(self) -> None:
        """Become the gateway of this state directory. Raises Busy(`gateway-running`), Local or OSError."""
        super().listen()
        _news.look_for()


def replace(parts: Parts) -> Parts:
    """Swap the gateway."""
    return parts.replace(gateway_server=_Curious)
