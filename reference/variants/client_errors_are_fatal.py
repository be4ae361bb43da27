"""A status that begins with a 4 is the request's own fault, and only 429 is not: 408 ends the turn.

Breaks FLO-3. A proxy that has waited for its server for too long says 408, and any other model would have answered.
"""

from __future__ import annotations

from reference.parts import Parts
from reference.providers import refusals

BREAKS = ("FLO-3",)

_KNOWN = (402, 429)


def replace(parts: Parts) -> Parts:
    """Swap which statuses another model may make good."""
    refusals._RETRYABLE = {status: code for status, code in refusals._RETRYABLE.items() if status in _KNOWN}
    return parts
