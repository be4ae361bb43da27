"""A request that was understood and refused is sent to the next provider as well.

What one provider declines is shown to all of them, and a conversation that is too long costs one refusal
per model. It is what a classifier does whose default is "try the next one".
"""

from __future__ import annotations

from typing import Any

from reference import failover
from reference.errors import Fatal, OrchestratorError
from reference.parts import Parts

BREAKS = ("FLO-4",)


def _moves_on(error: OrchestratorError) -> bool:
    return isinstance(error, Fatal) or failover.moves_on(error)


def replace(parts: Parts) -> Parts:
    def complete(**arguments: Any) -> Any:
        return failover.complete(**arguments, policy=failover.Policy(moves_on=_moves_on))

    return parts.replace(complete=complete)
