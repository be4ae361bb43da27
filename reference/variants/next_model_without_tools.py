"""The model that is asked in another's place is offered no tools: it can but talk about what it was to do.

Breaks FLO-3. Tools are written down once, in the first provider's format; what another does not take is left out.
"""

from __future__ import annotations

from typing import Any

from reference import failover
from reference.parts import Parts

BREAKS = ("FLO-3",)

_note = failover._Turn._note


def _noted(self: failover._Turn, *failure: Any) -> None:
    self.tools = ()
    _note(self, *failure)


def replace(parts: Parts) -> Parts:
    """Swap what happens after a failure."""
    failover._Turn._note = _noted  # type: ignore[assignment, method-assign]
    return parts
