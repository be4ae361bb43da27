"""Whatever process has a run's pid now is taken for the run, and ended with it [OC#132745].

Breaks CHD-9. The record outlives the process, and the kernel gives the number out again: soon on a busy machine, and
after a reboot at once.
"""

from __future__ import annotations

from reference import identity
from reference.runs import Registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.database import Row
    from reference.parts import Parts

BREAKS = ("CHD-9",)


class _Registry(Registry):
    """Reads each row as if whoever has its pid had always had it."""

    __slots__ = ()

    def _read(self, statement: str, values: tuple[Any, ...]) -> list[Row]:
        rows = super()._read(statement, values)
        for row in rows:
            started = identity.start_time(row["pid"]) if row.get("pid") else None
            if started is not None:
                row.update(start_time=started, boot_id=identity.boot_id())
        return rows


def replace(parts: Parts) -> Parts:
    """Swap the table of runs."""
    return parts.replace(run_registry=_Registry.open)
