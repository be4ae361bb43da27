"""What Gemini's model thinks counts as what it says [AstrBot#4222].

Breaks MSG-6. Its thoughts are text as the answer is, and only a flag beside them tells them apart: who does not know
it gives people, programs and later turns both as one.
"""

from __future__ import annotations

from typing import Any

from reference.parts import Parts
from reference.variants._clients import swap_in_client

BREAKS = ("MSG-6",)


def _with_its_thoughts(reply: Any) -> Any:
    return lambda parts, *more: reply([{**part, "thought": False} for part in parts], *more)


def replace(parts: Parts) -> Parts:
    """Swap how an answer is put together."""
    return swap_in_client(parts, "gemini", "_reply", _with_its_thoughts)
