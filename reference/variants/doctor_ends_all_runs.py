"""A repair calls every run on record interrupted: whoever repairs has nothing at work, it thinks.

Breaks OPS-6. Runs that go on beside it are on no list any more, and cannot be cancelled.
"""

from __future__ import annotations

from reference.commands import doctor
from reference.deadline import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("OPS-6",)

_SECONDS = 5.0
_database = doctor._database


def _all_over(parts: Parts, home: Home) -> Iterator[doctor.Problem]:
    """The problems of the table of runs; those that are at work are over afterwards."""
    yield from _database(parts, home)
    with parts.run_registry(home, Deadline.after(_SECONDS)) as registry:
        for row in registry.rows(everything=False):
            registry.finish_dead(row["id"], "interrupted")


def replace(parts: Parts) -> Parts:
    """Swap how `doctor` looks at the table of runs."""
    doctor._database = _all_over
    return parts
