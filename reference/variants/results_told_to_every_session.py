"""What agents have answered is told to the next turn of any session of the agent that had asked them [OC#80201].

Breaks MSG-4. One conversation is told of what another has delegated, and that one waits for it in vain.
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
        """The runs that any session of this agent has delegated, oldest first."""
        self.reconcile()
        statement = (
            "SELECT child.* FROM runs child JOIN runs parent ON parent.id = child.parent WHERE parent.agent = ?"
            " AND child.id NOT IN (SELECT value FROM json_each(?)) ORDER BY child.started, child.id"
        )
        return self._with_jobs(self._read(statement, (agent, json.dumps(list(without)))))


def replace(parts: Parts) -> Parts:
    """Swap the table of runs."""
    return parts.replace(run_registry=_Registry.open)
