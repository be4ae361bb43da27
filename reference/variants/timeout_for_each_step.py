"""--timeout bounds each request to a model, and begins anew with the next: a turn of many steps has no end of its own.

Breaks OPS-3. That is what a client's own time-out does when the turn's is handed to it.
"""

from __future__ import annotations

from reference import stopping
from reference.turn import Turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.messages import Message, Reply
    from reference.parts import Parts

BREAKS = ("OPS-3",)

_ask = Turn._ask


def _ask_in_time(self: Turn, config: dict[str, Any], messages: list[Message]) -> Reply:
    """One request, with all of the time."""
    if self.request.timeout is not None:
        self.deadline = stopping.arm(self.request.timeout)
    return _ask(self, config, messages)


def replace(parts: Parts) -> Parts:
    """Swap how a turn asks a model."""
    Turn._ask = _ask_in_time  # type: ignore[method-assign]
    return parts
