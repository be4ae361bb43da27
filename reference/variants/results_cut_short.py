"""Of what an agent answers the session that had asked for it is told the first lines alone [OC#76412].

Breaks MSG-4. The whole answer stands in the agent's own session; nothing says that it was cut.
"""

from __future__ import annotations

from reference.delegation import Delegation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.database import Row
    from reference.messages import Message
    from reference.parts import Parts

BREAKS = ("MSG-4",)

_SHOWN = 200  # characters


class _Delegation(Delegation):
    def owed(self, messages: list[Message]) -> list[Row]:
        """The runs that are to be told of, each with the beginning of its answer."""
        return [{**row, "text": (row["text"] or "")[:_SHOWN]} for row in super().owed(messages)]


def replace(parts: Parts) -> Parts:
    """Swap what tells of delegated runs."""
    return parts.replace(delegation=_Delegation)
