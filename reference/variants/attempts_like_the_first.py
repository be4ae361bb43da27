"""Every attempt is listed with the model and the kind of the first one.

Breaks FLO-2. The list is made where the turn ends, and what stood for each attempt is not at hand there any more; that
the last provider had refused the credential is not to be seen. No single thread.
"""

from __future__ import annotations

from typing import Any

from reference import failover
from reference.errors import OrchestratorError
from reference.parts import Parts

BREAKS = ("FLO-2",)


def replace(parts: Parts) -> Parts:
    def complete(**arguments: Any) -> Any:
        try:
            return failover.complete(**arguments)
        except OrchestratorError as error:
            first = error.attempts[:1]
            error.attempts = tuple(e._replace(model=f.model, kind=f.kind) for f in first for e in error.attempts)
            raise

    return parts.replace(complete=complete)
