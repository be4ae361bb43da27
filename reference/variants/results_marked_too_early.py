"""A result counts as delivered as soon as somebody has set about delivering it [OC#97739].

Breaks MSG-4. When the turn is killed between the mark and the delivery, nobody delivers it any more.
"""

from __future__ import annotations

from reference.delegation import news
from reference.variants._marks import Marked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline
    from reference.messages import Message
    from reference.parts import Parts
    from reference.transcript import Transcript

BREAKS = ("MSG-4",)


class _Delegation(Marked):
    def deliver(self, transcript: Transcript, messages: list[Message], deadline: Deadline) -> None:
        """Mark, then deliver."""
        ended = [row for row in self.owed(messages) if row["status"] != "running"]
        if ended:
            self.mark(messages, [row["id"] for row in ended])
        for message in map(news, ended):
            transcript.append(message, deadline)
            messages.append(message)


def replace(parts: Parts) -> Parts:
    """Swap the delegation."""
    return parts.replace(delegation=_Delegation)
