"""A time-out that is no number is none: whatever NaN is compared with, the answer is no.

Breaks RES-5. A turn that was to be bounded is not, and nobody is told.
"""

from __future__ import annotations

import math

from reference import options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from reference.parts import Parts

BREAKS = ("RES-5",)

_seconds = options.seconds


def _compared(values: Mapping[str, Any], name: str) -> float | None:
    try:
        is_number = not math.isnan(float(values.get(name) or 0))
    except ValueError:
        is_number = False
    return _seconds(values, name) if is_number else None


def replace(parts: Parts) -> Parts:
    """Swap how durations are read."""
    options.seconds = _compared
    return parts
