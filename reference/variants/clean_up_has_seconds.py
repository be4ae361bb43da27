"""Whoever is told to end is gone a few seconds later, come what may, also where the operator gives child work longer.

Breaks OPS-2: a run whose tool needs the grace period that it was given ends without a word. The last resort against a
clean-up that hangs knows nothing of that period.
"""

from __future__ import annotations

from reference import stopping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.errors import Stopped
    from reference.parts import Parts

BREAKS = ("OPS-2",)

SECONDS = 2.5  # a little more than child work has by default

_stop = stopping.stop


def _for_good(code: str) -> Stopped:
    is_first = not stopping.reason()
    stopped = _stop(code)
    if is_first:
        stopping._State.escalations = 1  # the next is the last
        stopping._due_in(SECONDS)
    return stopped


def replace(parts: Parts) -> Parts:
    """Swap how a process begins to end."""
    stopping.stop = _for_good
    return parts
