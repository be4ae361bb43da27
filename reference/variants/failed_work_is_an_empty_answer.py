"""Of a run that has failed its asker is told that it has succeeded, and of its answer, which is empty.

Breaks MSG-4. A record that has room for an answer, and not for how the run ended, makes failures into results: the
model believes that the work is done, and nobody has it done again.
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
    return _news({**row, "status": "succeeded", "text": row["text"] or ""})


def replace(parts: Parts) -> Parts:
    """Swap what is told of a run that has ended."""
    delegation.news = _rosy
    return parts
