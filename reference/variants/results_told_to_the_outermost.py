"""What an agent has to say goes to whoever began it all, and not to the agent that had asked it [OC#44925].

Breaks MSG-4. An agent that has another work for it ends without the answer that it needs.
"""

from __future__ import annotations

from reference import runs
from reference.sessions import run_chain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("MSG-4",)


class _Registry(runs.Registry):
    __slots__ = ()

    def delegate(self, run_id: str, agent: str, session: str, *, pid: int, parent: str, message: str) -> None:
        """Record that the first run of all has asked for this one."""
        outermost = next(iter(run_chain()), parent)
        super().delegate(run_id, agent, session, pid=pid, parent=outermost, message=message)


def replace(parts: Parts) -> Parts:
    """Swap the table of runs."""
    return parts.replace(run_registry=_Registry.open)
