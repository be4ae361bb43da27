"""The first provider's failure ends the turn, although another model is configured.

The fallbacks are configured and never used: an overloaded first provider fails every turn.
"""

from __future__ import annotations

from typing import Any

from reference import failover
from reference.parts import Parts

BREAKS = ("FLO-3", "FLO-6")
MAY_BREAK = ("FLO-2", "FLO-5")  # their faults need every provider to be asked


def replace(parts: Parts) -> Parts:
    def complete(**arguments: Any) -> Any:
        return failover.complete(**arguments, policy=failover.Policy(moves_on=lambda error: False))

    return parts.replace(complete=complete)
