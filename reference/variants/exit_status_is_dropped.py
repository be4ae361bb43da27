"""A model is told what its tools have printed, and not how they ended.

Breaks MSG-6. Of a test that fails without a word it takes for granted that it has passed.
"""

from __future__ import annotations

from typing import Any

from reference.tools.execute import Execution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("MSG-6",)

_ending = Execution._ending


def _of_others(self: Execution, outcome: dict[str, Any], in_time: bool) -> str:
    """What else there is to tell of an end."""
    has_ended = in_time and outcome.get("why") == "ended" and outcome.get("status", -1) >= 0
    return "" if has_ended else _ending(self, outcome, in_time)


def replace(parts: Parts) -> Parts:
    """Swap what is told of a tool's end."""
    Execution._ending = _of_others  # type: ignore[method-assign]
    return parts
