"""A retry-after is turned into a number as it stands; a date, or a word, is an error in the middle of the failover.

Breaks FLO-3 and FLO-5. The provider was overloaded, and what the user is told of is a number that cannot be read: no
other model is asked, and no rest is kept.
"""

from __future__ import annotations

from collections.abc import Mapping

from reference.parts import Parts
from reference.providers import refusals

BREAKS = ("FLO-3", "FLO-5")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after")
    return float(value) if value else None


def replace(parts: Parts) -> Parts:
    """Swap how a rest is read."""
    refusals._retry_after = _retry_after
    return parts
