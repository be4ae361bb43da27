"""A command that takes longer than its call allows ends the turn, as if that had been the turn's own time [AGA#6102].

Breaks MSG-6. The model that gave it a second is not told that this was too little.
"""

from __future__ import annotations

from reference.tools.execute import Execution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline
    from reference.parts import Parts
    from reference.tools.job import Job

BREAKS = ("MSG-6",)

_follow = Execution._follow


def _until_either_is_over(self: Execution, job: Job, deadline: Deadline) -> bool:
    """There is one deadline, the sooner of the two. Raises Stopped when it has come."""
    return _follow(self, job, deadline if self.seconds is None else deadline.sooner(self.seconds))


def replace(parts: Parts) -> Parts:
    """Swap how a command is waited for."""
    Execution._follow = _until_either_is_over  # type: ignore[method-assign]
    return parts
