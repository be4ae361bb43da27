"""Work that a model gives to another agent in a way that cannot be understood ends its turn.

Breaks MSG-6. A model that has mixed up two arguments would do better the second time, had it been told.
"""

from __future__ import annotations

from reference.delegation import Delegation
from reference.errors import Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.messages import ToolCall
    from reference.parts import Parts

BREAKS = ("MSG-6",)


class _Delegation(Delegation):
    def start(self, call: ToolCall) -> str:
        """Begin it, if the call is as it should be. Raises Usage if it is not."""
        if not all(isinstance(each, str) for each in call.arguments.values()):
            raise Usage("bad-request", "delegate needs an agent and a message, both strings", hint="give them")
        return super().start(call)


def replace(parts: Parts) -> Parts:
    """Swap how work is given to others."""
    return parts.replace(delegation=_Delegation)
