"""What a tool prints is read when its command has ended: one that prints more than a pipe holds never ends.

Breaks MSG-6. `wait()` before `read()`: Python's documentation warns of it.
"""

from __future__ import annotations

import select

from reference.tools import channel
from reference.tools.job import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline
    from reference.parts import Parts
    from reference.tools.output import Output

BREAKS = ("MSG-6",)


def _wait(self: Job, output: Output, deadline: Deadline) -> bool:
    """Until the work is over; what it printed is read at the end."""
    poller = select.poll()
    poller.register(self._control, select.POLLIN)
    while self.outcome is None:
        if poller.poll(deadline.milliseconds()):
            self.outcome = channel.hear(self._control) or {"status": None, "why": "keeper-lost"}
        elif deadline.passed():
            return False
    return True


def replace(parts: Parts) -> Parts:
    """Swap how a job is followed."""
    Job.pump = _wait  # type: ignore[method-assign]
    return parts
