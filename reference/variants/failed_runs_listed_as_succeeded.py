"""The table of runs knows "ended" and "interrupted" only, and its view calls "succeeded" whatever has come to its end.

Breaks CHD-7: who goes by the list takes a turn that a provider refused for done.
"""

from __future__ import annotations

from reference.runs import Registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.database import Row
    from reference.parts import Parts

BREAKS = ("CHD-7",)


class _Rosy(Registry):
    __slots__ = ()

    def list_runs(self, *, everything: bool = False) -> list[Row]:
        """The rows, with an end in place of what it was."""
        rows = super().list_runs(everything=everything)
        return [{**row, "status": "succeeded"} if row["status"] == "failed" else row for row in rows]


def replace(parts: Parts) -> Parts:
    """Swap the table of runs."""
    return parts.replace(run_registry=_Rosy.open)
