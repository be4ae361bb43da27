"""A run reads its session when it begins, and waits for it afterwards: it goes on from what it was before.

Breaks OPS-4, and MSG-4 where the run for which it waits has agents work. The answer between the two is not in the
conversation that is sent, although it is in the transcript.
"""

from __future__ import annotations

from reference import durable, transcript
from reference.turn import Turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline
    from reference.messages import Message
    from reference.parts import Parts
    from reference.runs import Registry

BREAKS = ("MSG-4", "OPS-4")

_start = Turn._start
_read: list[Message] = []


class _Known(transcript.Transcript):
    __slots__ = ()

    def begin(self, message: Message, deadline: Deadline) -> list[Message]:
        """What had been read by then, and the message."""
        super().begin(message, deadline)
        return [*_read, message]


def _start_reading(self: Turn, registry: Registry) -> None:
    _start(self, registry)
    try:
        records = transcript.parse(durable.read(self.home.transcript(self.request.agent, self.request.session)))
    except FileNotFoundError:
        return
    _read[:] = transcript.conversation([transcript.as_message(record) for record in records])


def replace(parts: Parts) -> Parts:
    """Swap when the transcript is read."""
    Turn._start = _start_reading  # type: ignore[method-assign]
    return parts.replace(transcript=_Known)
