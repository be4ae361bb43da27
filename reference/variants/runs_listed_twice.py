"""The list of runs is put together from two sources, and a run that both of them know stands in it twice.

Breaks OPS-1. Who counts what is at work, or cancels every row, is misled.
"""

from __future__ import annotations

from reference.runs import Registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.database import Row
    from reference.parts import Parts

BREAKS = ("OPS-1",)


class _Twice(Registry):
    __slots__ = ()

    def list_runs(self, *, everything: bool = False) -> list[Row]:
        """What is on record, and what is alive."""
        rows = super().list_runs(everything=everything)
        return rows + [row for row in rows if row["status"] == "running"]


def replace(parts: Parts) -> Parts:
    """Swap the table of runs."""
    return parts.replace(run_registry=_Twice.open)
