"""A delegated run is not told for which runs it works: it takes itself for the first of all [OC#118625].

Breaks LCK-7. Given work by an agent that works for its own session, it waits for that session, which waits for it.
"""

from __future__ import annotations

from reference.delegation import Delegation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts
    from reference.request import Request

BREAKS = ("LCK-7",)


class _Delegation(Delegation):
    def _command(self, request: Request) -> str:
        """The command of a run that knows of nobody above it."""
        return super()._command(request._replace(chain=""))


def replace(parts: Parts) -> Parts:
    """Swap what gives work to other agents."""
    return parts.replace(delegation=_Delegation)
