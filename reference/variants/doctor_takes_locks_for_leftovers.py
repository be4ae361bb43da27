"""A check-up takes every lock that names its holder for one that was left behind, also where the holder is at work.

Breaks OPS-6. Beside any run it finds fault with a state with which nothing is wrong.
"""

from __future__ import annotations

from reference import locks
from reference.commands import doctor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("OPS-6",)

_records = doctor._records


def _all_records(home: Home) -> Iterator[doctor.Problem]:
    """What is said of locks, as if nobody held any."""
    is_free = locks.is_free
    locks.is_free = lambda path: True
    try:
        yield from _records(home)
    finally:
        locks.is_free = is_free


def replace(parts: Parts) -> Parts:
    """Swap which locks `doctor` finds fault with."""
    doctor._records = _all_records
    return parts
