"""A tool call without its result, or a result without its call, is sent to the provider as the transcript has it.

Breaks MSG-2, and MSG-3 where a kill meets a tool call. Every provider refuses such a conversation, so that a session
that has lost one record, or was killed in a tool call, is refused from then on. Seen in github/copilot-cli (#3183) and
kimi-code (#768).
"""

from __future__ import annotations

from reference.transcript import Transcript, as_message, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline
    from reference.messages import Message
    from reference.parts import Parts

BREAKS = ("MSG-2",)
MAY_BREAK = ("MSG-3", "MSG-4")  # of the turns that are killed not every one has a tool call without a result


class Unmended(Transcript):
    """Gives what was recorded."""

    __slots__ = ()

    def begin(self, message: Message, deadline: Deadline) -> list[Message]:
        """Start a turn; every message on record, and this one."""
        super().begin(message, deadline)
        with open(self.path, "rb") as file:
            return [as_message(record) for record in parse(file.read())]


def replace(parts: Parts) -> Parts:
    """Swap the transcript."""
    return parts.replace(transcript=Unmended)
