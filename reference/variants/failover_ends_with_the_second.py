"""When the second model fails too, the turn is given up, whatever else is configured [OC#25926, OC#86868].

Breaks FLO-3. A list of models is one model and a reserve: nobody noticed, as two providers seldom fail at once.
"""

from __future__ import annotations

from typing import Any

from reference import failover
from reference.parts import Parts

BREAKS = ("FLO-3",)


def replace(parts: Parts) -> Parts:
    def complete(**arguments: Any) -> Any:
        return failover.complete(**arguments | {"models": arguments["models"][:2]})

    return parts.replace(complete=complete)
