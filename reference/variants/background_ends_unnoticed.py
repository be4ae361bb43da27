"""Background work is listed until somebody cancels it: that it has ended by itself, nobody looks.

Breaks CHD-4. Runs are compared with the process table and their jobs are not, so a list names work that is long gone.
"""

from __future__ import annotations

from reference.runs import Registry, is_alive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CHD-4",)


class _Half(Registry):
    """Reconciles the runs, and not their jobs."""

    __slots__ = ()

    def reconcile(self) -> int:
        """Record as interrupted the runs that claim to run but do not; how many rows that were."""
        gone = [row for row in self.rows(everything=True) if row["status"] == "running" and not is_alive(row)]
        for row in gone:
            self.finish_dead(row["id"], "interrupted")
        return len(gone)


def replace(parts: Parts) -> Parts:
    """Swap the table of runs."""
    return parts.replace(run_registry=_Half.open)
