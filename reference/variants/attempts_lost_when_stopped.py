"""A turn that is stopped while a model keeps it waiting lists none of the models that had failed before.

Breaks FLO-2. Only failures of models carry the attempts; who stopped the turn because it took so long is not told why.
"""

from __future__ import annotations

from typing import Any

from reference import failover
from reference.errors import Stopped
from reference.parts import Parts

BREAKS = ("FLO-2",)


def replace(parts: Parts) -> Parts:
    """Swap what is said of a turn that was stopped."""

    def complete(**arguments: Any) -> Any:
        try:
            return failover.complete(**arguments)
        except Stopped as stopped:
            stopped.attempts = ()
            raise

    return parts.replace(complete=complete)
