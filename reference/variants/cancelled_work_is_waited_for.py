"""Of a run that was cancelled its asker is told nothing, and goes on asking its model, as it is still to be told of it.

Breaks MSG-4. Only answers and failures are news; the session comes to no end any more, in no later turn either.
"""

from __future__ import annotations

from reference.delegation import Delegation, news
from reference.parts import Parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline
    from reference.messages import Message
    from reference.transcript import Transcript

BREAKS = ("MSG-4",)


class _Delegation(Delegation):
    def deliver(self, transcript: Transcript, messages: list[Message], deadline: Deadline) -> None:
        """Tell of what has ended by itself."""
        for row in self.owed(messages):
            if row["status"] not in ("running", "cancelled"):
                message = news(row)
                transcript.append(message, deadline)
                messages.append(message)


def replace(parts: Parts) -> Parts:
    """Swap what is told of delegated runs."""
    return parts.replace(delegation=_Delegation)
