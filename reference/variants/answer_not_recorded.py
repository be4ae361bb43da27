"""A run prints its answer and records no end: that its process is gone is all that others learn of it [OC#77480].

Breaks MSG-4. Whoever has asked it to work is told that it was interrupted, although it had answered.
"""

from __future__ import annotations

from reference import runs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from reference.database import Row
    from reference.parts import Parts

BREAKS = ("MSG-4",)


class _Registry(runs.Registry):
    __slots__ = ()

    def finish(self, run_id: str, status: str, *, error: Mapping[str, Any] | None = None, text: str = "") -> Row:
        """Record how a run ended, if it failed."""
        if status == "succeeded":
            return self.get(run_id)
        return super().finish(run_id, status, error=error, text=text)


def replace(parts: Parts) -> Parts:
    """Swap the table of runs."""
    return parts.replace(run_registry=_Registry.open)
