"""That a model has failed, and another was asked, is told to the makers of the program.

Breaks NET-1. Telemetry of errors is what is left on where that of use was turned off.
"""

from __future__ import annotations

from reference import failover
from reference.variants import _news

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from reference.messages import Message
    from reference.parts import Parts

BREAKS = ("NET-1",)


def _reported(messages: Sequence[Message]) -> Sequence[Message]:
    _news.look_for()
    return messages


def _complete(**arguments: Any) -> Any:
    return failover.complete(**arguments, policy=failover.Policy(handed_on=_reported))


def replace(parts: Parts) -> Parts:
    """Swap what is done once a model has failed."""
    return parts.replace(complete=_complete)
