"""A signal that comes while a tool is ended whose time was over cuts this short: the command returns before its work.

Breaks CHD-3. That the clean-up itself can be interrupted was thought of for a turn that is stopped, whose later signals
are ignored, and not for a tool whose own time was over.
"""

from __future__ import annotations

from reference.tools.execute import Execution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts
    from reference.tools.job import Job

BREAKS = ("CHD-3",)


def _once(self: Execution, job: Job) -> None:
    job.end(self.output)


def replace(parts: Parts) -> Parts:
    """Swap how a tool is ended."""
    Execution._end = _once  # type: ignore[method-assign]
    return parts
