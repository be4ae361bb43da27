"""That a result was delivered is marked elsewhere, and after the delivery [OC#17122, OC#125797].

Breaks MSG-4. Who looks only at the marks delivers again what was delivered just before a crash.
"""

from __future__ import annotations

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
        """Deliver, then mark."""
        known = len(messages)
        super().deliver(transcript, messages, deadline)
        if len(messages) > known:
            self.mark(messages, [message.delivers for message in messages[known:]])


def replace(parts: Parts) -> Parts:
    """Swap the delegation."""
    return parts.replace(delegation=_Delegation)
