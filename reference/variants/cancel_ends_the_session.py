"""A cancel ends whatever runs in the session of its run, as if there were never more than one there [OC#74781].

Breaks CHD-5. Whoever takes back a message that still waits for its turn ends the turn that is at work.
"""

from __future__ import annotations

from reference import identity
from reference.deadline import Deadline
from reference.runs import Registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("CHD-5",)

PATIENCE = 2.0  # seconds until SIGKILL


class _Registry(Registry):
    """A table of runs that knows runs by their session when one is cancelled."""

    __slots__ = ()

    def finish_dead(self, run_id: str, status: str) -> None:
        """Record the end of a run, and bring about that of its session's others when it was cancelled."""
        if status == "cancelled":
            cancelled = self.get(run_id)
            for row in self.rows(everything=False):
                if (row["agent"], row["session"]) == (cancelled["agent"], cancelled["session"]):
                    until = Deadline.after(PATIENCE)
                    identity.end_process(row["pid"], row["start_time"], row["boot_id"], until, Deadline.after(None))
        super().finish_dead(run_id, status)


def _open(home: Home, deadline: Deadline) -> Registry:
    return _Registry.open(home, deadline)


def replace(parts: Parts) -> Parts:
    """Swap the table of runs."""
    return parts.replace(run_registry=_open)
