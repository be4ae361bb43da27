"""Only the last answer of a turn is fenced: what comes before it is appended whoever has the session by then.

Breaks LCK-5. A run whose lock has passed on goes on with its tool calls, and writes them and their results between
the records of its successor. No single thread: the check stands where the first report was about [OC#44510].
"""

from __future__ import annotations

from reference.transcript import Transcript

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline
    from reference.messages import Message
    from reference.parts import Parts

BREAKS = ("LCK-5",)


class _Transcript(Transcript):
    __slots__ = ()

    def append(self, message: Message, deadline: Deadline) -> None:
        """Add one message, without a look at the fence while the turn is to go on."""
        if message.role == "assistant" and not message.tool_calls:
            super().append(message, deadline)
            return
        with self.writer(self.path, deadline) as file:
            file.mend()
            self._write(file, message)


def replace(parts: Parts) -> Parts:
    """Swap the transcript."""
    return parts.replace(transcript=_Transcript)
