"""A tool that was killed by a signal has no exit status, and none is told as 0.

Breaks MSG-6. What the system ends for want of memory passes for done: a signal is a number of its own in what wait(2)
says, and null where a runtime has the exit status.
"""

from __future__ import annotations

from typing import Any

from reference.parts import Parts
from reference.tools.execute import Execution

BREAKS = ("MSG-6",)

_ending = Execution._ending


def _without_signals(self: Execution, outcome: dict[str, Any], in_time: bool) -> str:
    return _ending(self, {**outcome, "status": max(outcome.get("status") or 0, 0)}, in_time)


def replace(parts: Parts) -> Parts:
    """Swap what is told of a tool's end."""
    Execution._ending = _without_signals  # type: ignore[method-assign]
    return parts
