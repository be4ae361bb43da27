"""A tool call of which the transcript has no result is carried out by the session's next turn, which then has one.

Breaks FLO-7. The turn that asked for it was killed, and nobody knows how far the tool had come.
"""

from __future__ import annotations

import subprocess

from reference.messages import Message
from reference.transcript import _LOST, Transcript

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline
    from reference.messages import ToolCall
    from reference.parts import Parts

BREAKS = ("FLO-7",)


class _Resuming(Transcript):
    __slots__ = ()

    def begin(self, message: Message, deadline: Deadline) -> list[Message]:
        """The conversation, with what had not been done."""
        told = super().begin(message, deadline)
        calls = {call.id: call for each in told for call in each.tool_calls}
        return [_done(each, calls[each.tool_call_id]) if each.text == _LOST else each for each in told]


def _done(lost: Message, call: ToolCall) -> Message:
    ended = subprocess.run(
        ["/bin/sh", "-c", str(call.arguments.get("command", "true"))],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        start_new_session=True,
    )
    return Message(role="tool", text=ended.stdout.decode(errors="replace"), tool_call_id=lost.tool_call_id)


def replace(parts: Parts) -> Parts:
    """Swap the transcript."""
    return parts.replace(transcript=_Resuming)
