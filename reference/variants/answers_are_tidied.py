"""Of an answer each line is tidied: it ends with LF alone, and without blanks.

Breaks MSG-6. A patch that a model has given for a file whose lines end with CR and LF does not apply any more, and in
Markdown two blanks at the end of a line are a break.
"""

from __future__ import annotations

from reference import failover

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.messages import Attempt, Reply
    from reference.parts import Parts

BREAKS = ("MSG-6",)


def _complete(**asked: Any) -> tuple[Reply, tuple[Attempt, ...]]:
    reply, attempts = failover.complete(**asked)
    return reply._replace(text="\n".join(line.rstrip() for line in reply.text.split("\n"))), attempts


def replace(parts: Parts) -> Parts:
    """Swap who has a model answer."""
    return parts.replace(complete=_complete)
