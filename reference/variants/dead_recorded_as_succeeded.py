"""A run whose process is gone has ended, and whatever has ended is listed as a success [OC#79285].

Breaks CHD-7, and MSG-4 where an agent is killed in the middle of its work: it is told of as done, without an answer.
"""

from __future__ import annotations

from reference import runs
from reference.parts import Parts

BREAKS = ("CHD-7",)
MAY_BREAK = ("MSG-4",)


class _Registry(runs.Registry):
    __slots__ = ()

    def finish_dead(self, run_id: str, status: str) -> None:
        """Record the end of a run whose process could not do so itself."""
        self.finish(run_id, "succeeded" if status == "interrupted" else status)


def replace(parts: Parts) -> Parts:
    """Swap the table of runs."""
    return parts.replace(run_registry=_Registry.open)
