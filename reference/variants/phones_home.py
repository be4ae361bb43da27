"""Every command asks for news of the program before it does its work.

Breaks NET-1. No single thread: update checks and telemetry are the default of nearly every CLI.
"""

from __future__ import annotations

from reference import streams
from reference.variants import _news

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("NET-1",)


def prepare() -> None:
    """Look for an update first."""
    _news.look_for()
    streams.prepare()


def replace(parts: Parts) -> Parts:
    """Swap the preparation of the streams."""
    return parts.replace(prepare=prepare)
