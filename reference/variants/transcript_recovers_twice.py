"""The message of an interrupted turn is recovered into a transcript that has it already [OC#136251, OC#72604].

Breaks MSG-3. It is kept beside the transcript until the turn has its answer, so that it is not lost; who finds it there
appends it, and does not look whether the crash came before or after it was appended.
"""

from __future__ import annotations

import os

from reference import durable, transcript
from reference.home import make_private
from reference.messages import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline
    from reference.parts import Parts

BREAKS = ("MSG-3",)
MAY_BREAK = ("RES-1", "RES-2", "RES-3")  # who fails in the same place leaves the message there as well


class _Transcript(transcript.Transcript):
    """Remembers an unanswered message in a file of its own."""

    __slots__ = ()

    @property
    def pending(self) -> str:
        return f"{self.path}.pending"

    def begin(self, message: Message, deadline: Deadline) -> list[Message]:
        """Start a turn, after putting an unanswered message back."""
        if os.path.exists(self.pending):
            with open(self.pending, encoding="utf-8") as file:
                super().begin(Message(role="user", text=file.read()), deadline)
        make_private(os.path.dirname(self.path))
        durable.replace(self.pending, message.text.encode())
        return super().begin(message, deadline)

    def append(self, message: Message, deadline: Deadline) -> None:
        """Add one message; with the answer nothing is pending any more."""
        super().append(message, deadline)
        if message.role == "assistant" and not message.tool_calls:
            os.unlink(self.pending)


def replace(parts: Parts) -> Parts:
    """Swap the transcript."""
    return parts.replace(transcript=_Transcript)
