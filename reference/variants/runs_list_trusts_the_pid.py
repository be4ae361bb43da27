"""A run is listed as long as any process has its pid, whoever that is by now [OC#47911].

Breaks OPS-1. A dead run comes back to life with the first process that gets its number.
"""

from __future__ import annotations

import os

from reference import runs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.database import Row
    from reference.parts import Parts

BREAKS = ("OPS-1",)


def _is_there(row: Row) -> bool:
    """Whether the pid is in use."""
    return os.path.exists(f"/proc/{row['pid']}")


def replace(parts: Parts) -> Parts:
    """Swap how rows are checked."""
    runs.is_alive = _is_there
    return parts
