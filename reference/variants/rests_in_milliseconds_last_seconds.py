"""`retry-after-ms` is read as seconds, like its kin without the ending.

Breaks FLO-6: a model that asks for the rest of a second is left alone for a quarter of an hour.
"""

from __future__ import annotations

from collections.abc import Mapping

from reference.parts import Parts
from reference.providers import refusals
from reference.providers.fields import number

BREAKS = ("FLO-6",)

_rest = refusals._retry_after


def _in_seconds(headers: Mapping[str, str]) -> float | None:
    found = number(headers.get("retry-after-ms"))
    return _rest(headers) if found is None else found


def replace(parts: Parts) -> Parts:
    """Swap how long a provider asks to be left alone."""
    refusals._retry_after = _in_seconds
    return parts
