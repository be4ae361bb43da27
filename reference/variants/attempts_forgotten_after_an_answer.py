"""Once a model has answered, the attempts before it are forgotten: a turn that fails later does not list them.

Breaks FLO-2. What had failed before a tool call was made good then; who looks for the beginning of the trouble does not
find it. No single thread.
"""

from __future__ import annotations

from typing import Any

from reference import failover
from reference.parts import Parts

BREAKS = ("FLO-2",)


def replace(parts: Parts) -> Parts:
    def complete(**arguments: Any) -> Any:
        reply, attempts = failover.complete(**arguments)
        return reply, attempts[-1:]

    return parts.replace(complete=complete)
