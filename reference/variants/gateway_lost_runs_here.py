"""A client whose gateway is lost runs the turn itself, from the start [OC#112074].

The gateway had accepted it, and nobody knows how far it had come.
"""

from __future__ import annotations

from dataclasses import replace as changed

from reference.commands.agent import run_here
from reference.deadline import Deadline
from reference.errors import OrchestratorError
from reference.home import Home
from reference.parts import Parts
from reference.request import Request
from reference.result import Result
from reference.runs import new_id

BREAKS = ("FLO-9",)


def replace(parts: Parts) -> Parts:
    def gateway_lost(home: Home, request: Request, deadline: Deadline, lost: OrchestratorError) -> Result:
        again = changed(request, run_id=new_id("r"), via="local")
        return run_here(parts, home, again, deadline, lambda event: None)

    return parts.replace(gateway_lost=gateway_lost)
