"""Of a run that was cancelled its asker is told that it has succeeded, and had nothing to say.

Breaks MSG-4. Whoever cancelled it wanted it not to be done, so that it is no failure: the one who had asked for it
believes that it is done.
"""

from __future__ import annotations

from reference import delegation
from reference.parts import Parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.database import Row
    from reference.messages import Message

BREAKS = ("MSG-4",)

_news = delegation.news


def _rosy(row: Row) -> Message:
    return _news({**row, "status": "succeeded", "text": ""} if row["status"] == "cancelled" else row)


def replace(parts: Parts) -> Parts:
    """Swap what is told of a run that was cancelled."""
    delegation.news = _rosy
    return parts
