"""What a killed keeper had to end is nobody's: the command looks after no orphans, and they go to init.

Breaks CHD-2. The work itself may have killed it, as may the out-of-memory killer.
"""

from __future__ import annotations

from reference.parts import Parts
from reference.tools import job

BREAKS = ("CHD-2",)


def _leave_orphans() -> None:
    """In place of becoming a subreaper."""


def _take_none_down(self: job.Job) -> None:
    """In place of ending what its keeper has left."""


def replace(parts: Parts) -> Parts:
    """Swap what the command does about a lost keeper."""
    job.become_subreaper = _leave_orphans  # type: ignore[attr-defined]
    job.Job._take_down_orphans = _take_none_down  # type: ignore[method-assign]
    return parts
