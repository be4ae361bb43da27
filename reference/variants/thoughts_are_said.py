"""What Gemini's model thinks counts as what it says [AstrBot#4222].

Breaks MSG-6. Its thoughts are text as the answer is, and only a flag beside them tells them apart: who does not know
it gives people, programs and later turns both as one.
"""

from __future__ import annotations

from typing import Any

from reference.parts import Parts

BREAKS = ("MSG-6",)


def _complete(**arguments: Any) -> Any:
    """Ask as always; the clients of providers are imported on use."""
    from reference import failover
    from reference.providers import gemini

    made = gemini._reply
    gemini._reply = lambda parts, *more: made([{**part, "thought": False} for part in parts], *more)
    try:
        return failover.complete(**arguments)
    finally:
        gemini._reply = made


def replace(parts: Parts) -> Parts:
    """Swap how an answer is put together."""
    return parts.replace(complete=_complete)
