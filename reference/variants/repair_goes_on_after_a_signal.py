"""A signal is one more repair that did not work: `doctor --fix` notes it, goes on with the next, and exits with 1.

Breaks CHD-7. This program's own mistake: its one `except` for whatever a repair may fail with took signals as well.
"""

from __future__ import annotations

from reference.commands import doctor
from reference.errors import Stopped
from reference.parts import Parts

BREAKS = ("CHD-7",)

_try_repair = doctor.Problem.try_repair


def _tried(self: doctor.Problem) -> None:
    try:
        _try_repair(self)
    except Stopped as stopped:
        self.message += f"; it could not be repaired: {stopped.message}"


def replace(parts: Parts) -> Parts:
    """Swap what a repair does with its failures."""
    doctor.Problem.try_repair = _tried  # type: ignore[method-assign]
    return parts
