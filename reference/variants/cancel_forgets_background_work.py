"""A cancelled run's background work counts as cancelled with it, and goes on: nobody ends its processes.

Breaks CHD-4. No list shows it any more, and there is no handle left by which it could be ended.
"""

from __future__ import annotations

from reference.commands import runs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.database import Row
    from reference.parts import Parts
    from reference.runs import Registry

BREAKS = ("CHD-4",)


def _cancel_run(registry: Registry, row: Row, patience: float) -> None:
    """End the run's process, and note the end of all that it had."""
    runs._end(row, patience)
    registry.finish_dead(row["id"], "cancelled")
    for job in row["jobs"]:
        registry.end_job(job["id"], "cancelled")


def replace(parts: Parts) -> Parts:
    """Swap how a run is cancelled."""
    runs._cancel_run = _cancel_run
    return parts
