"""The date until which a provider asks to be left alone is read without its zone, as local time.

Breaks FLO-5. East of Greenwich the time is over as soon as it is asked for; `strptime` with "GMT" in its pattern does
this.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from reference.parts import Parts
from reference.providers import refusals
from reference.providers.fields import number

BREAKS = ("FLO-5",)

_retry_after = refusals._retry_after


def _locally(headers: Mapping[str, str]) -> float | None:
    seconds = _retry_after(headers)
    is_date = seconds is not None and number(headers.get("retry-after", 0)) is None
    return seconds - time.localtime().tm_gmtoff if seconds is not None and is_date else seconds


def replace(parts: Parts) -> Parts:
    """Swap how the header is read."""
    refusals._retry_after = _locally
    return parts
