"""Cancelling a run ends its tools and notes it as cancelled, and the run itself goes on with what its model says next.

Breaks CHD-7. The list has no running run, and the turn ends as a success after it was cancelled.
"""

from __future__ import annotations

from reference.commands import runs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.database import Row
    from reference.parts import Parts
    from reference.runs import Registry

BREAKS = ("CHD-7",)


def _cancel_run(registry: Registry, row: Row, patience: float) -> None:
    """Note the end of the run, and end its jobs."""
    registry.finish_dead(row["id"], "cancelled")
    for job in row["jobs"]:
        if job["status"] == "running":
            runs._end_job(job, patience)
            registry.end_job(job["id"], "cancelled")


def replace(parts: Parts) -> Parts:
    """Swap how a run is cancelled."""
    runs._cancel_run = _cancel_run
    return parts
