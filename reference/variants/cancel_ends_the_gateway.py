"""The process on record of a run that a gateway does is the gateway's: who cancels one run ends them all.

Breaks CHD-5. The list shows nothing wrong: the process that it names is alive.
"""

from __future__ import annotations

import os

from reference.runs import Registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.database import Row
    from reference.deadline import Deadline
    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("CHD-5",)
MAY_BREAK = ("FLO-9",)  # the process that does the turn cannot be found, to be killed


class _Registry(Registry):
    __slots__ = ()

    def start(self, run_id: str, agent: str, session: str, *, pid: int, via: str) -> Row:
        """Record a run; of a gateway's, the gateway says who does it, and its worker once more."""
        if via == "gateway":
            pid = os.getppid() if pid == os.getpid() else os.getpid()
        return super().start(run_id, agent, session, pid=pid, via=via)


def _open(home: Home, deadline: Deadline) -> Registry:
    return _Registry.open(home, deadline)


def replace(parts: Parts) -> Parts:
    """Swap the table of runs."""
    return parts.replace(run_registry=_open)
