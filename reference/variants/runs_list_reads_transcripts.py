"""The list of runs reads every session's transcript before it looks which runs are wanted [OC#64321, OC#72165].

Breaks RES-4. With thousands of sessions the list of the few runs that are alive takes many times as long.
"""

from __future__ import annotations

import json

from reference.runs import Registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from reference.database import Row
    from reference.deadline import Deadline
    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("RES-4",)


class Thorough(Registry):
    """A list whose rows are all made, with the last record of their sessions, and then mostly thrown away."""

    __slots__ = ("_home",)

    _home: Home

    @classmethod
    def open(cls, home: Home, deadline: Deadline) -> Self:
        """Open the table, and remember where the transcripts are."""
        registry = super().open(home, deadline)
        registry._home = home
        return registry

    def list_runs(self, *, everything: bool = False) -> list[Row]:
        """Every run with its session's last record; of these the ones that are alive, or all."""
        self.reconcile()
        rows = self.rows(everything=True)
        for row in rows:
            row["last"] = self._last_record(row)
        return [row for row in rows if everything or _alive(row)]

    def _last_record(self, row: Row) -> object:
        try:
            with open(self._home.transcript(row["agent"], row["session"]), encoding="utf-8") as file:
                return [json.loads(line) for line in file if line.strip()][-1]
        except (OSError, ValueError, IndexError):
            return None


def _alive(row: Row) -> bool:
    return row["status"] == "running" or any(job["status"] == "running" for job in row["jobs"])


def replace(parts: Parts) -> Parts:
    """Swap the table of runs."""
    return parts.replace(run_registry=Thorough.open)
