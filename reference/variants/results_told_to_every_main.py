"""What agents have answered is told to the next turn of any session of that name, whoever it was that asked them.

Breaks MSG-4. Most sessions are called "main": what one agent has delegated, another is told of. No single thread.
"""

from __future__ import annotations

import json

from reference import runs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from reference.database import Row
    from reference.parts import Parts

BREAKS = ("MSG-4",)


class _Registry(runs.Registry):
    __slots__ = ()

    def delegated(self, agent: str, session: str, *, without: Collection[str]) -> list[Row]:
        """The runs that this session has delegated, and what has ended of those of other sessions of its name."""
        self.reconcile()
        statement = (
            "SELECT child.* FROM runs child JOIN runs parent ON parent.id = child.parent"
            " WHERE parent.session = ? AND (parent.agent = ? OR child.status <> 'running')"
            " AND child.id NOT IN (SELECT value FROM json_each(?)) ORDER BY child.started, child.id"
        )
        return self._with_jobs(self._read(statement, (session, agent, json.dumps(list(without)))))


def replace(parts: Parts) -> Parts:
    """Swap the table of runs."""
    return parts.replace(run_registry=_Registry.open)
