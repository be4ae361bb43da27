"""A repair puts a new table of runs in the damaged one's place, and leaves its journal [codebase-memory-mcp#897].

Breaks OPS-6. SQLite knows a write-ahead log by its name: what a killed run has left in it is put over the new table's
pages, and the two do not fit together.
"""

from __future__ import annotations

import os

from reference.commands import doctor
from reference.database import Database
from reference.deadline import Deadline
from reference.home import Home
from reference.parts import Parts

BREAKS = ("OPS-6",)


def _renewed(home: Home) -> None:
    """Make an empty table beside the damaged one, and rename it into its place."""
    with Database.open(_Beside(home.path), Deadline.after(doctor._SECONDS)) as empty:
        made = empty.path
    doctor._put_aside(home.runs)
    os.rename(made, home.runs)


class _Beside(Home):
    __slots__ = ()

    @property
    def runs(self) -> str:
        """Where the new table is made."""
        return f"{super().runs}.new"


def replace(parts: Parts) -> Parts:
    """Swap how the table of runs is repaired."""
    doctor._drop_database = _renewed
    return parts
