"""The id of a run is made of the pid of whoever starts it.

Breaks OPS-1. A pid comes again, after a reboot within minutes: then two runs have one id, and a cancel means both.
"""

from __future__ import annotations

import itertools
import os

from reference import runs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("OPS-1",)

_more = itertools.count(1)


def _of_the_pid(prefix: str) -> str:
    """Another one for each run that this process starts."""
    number = next(_more)
    return f"{prefix}-{os.getpid()}" if number == 1 else f"{prefix}-{os.getpid()}-{number}"


def replace(parts: Parts) -> Parts:
    """Swap what makes ids."""
    runs.new_id = _of_the_pid
    return parts
