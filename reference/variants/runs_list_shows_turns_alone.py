"""The list of runs shows the turns that somebody has asked for, and not those of agents that work for these.

Breaks OPS-1. What costs the most, and is to be cancelled alone, cannot be found. No single thread.
"""

from __future__ import annotations

from reference.runs import Registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.database import Row
    from reference.parts import Parts

BREAKS = ("OPS-1",)


class _Turns(Registry):
    __slots__ = ()

    def list_runs(self, *, everything: bool = False) -> list[Row]:
        """Those that nobody has delegated."""
        return [row for row in super().list_runs(everything=everything) if row["parent"] is None]


def replace(parts: Parts) -> Parts:
    return parts.replace(run_registry=_Turns.open)
