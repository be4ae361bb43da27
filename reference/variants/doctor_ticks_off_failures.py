"""A repair that has failed is ticked off with those that have not, and what is said of it is lost [OC#129337].

Breaks OPS-6. A full disk between putting the damaged config aside and restoring it leaves none, and all is well.
"""

from __future__ import annotations

from reference.commands import doctor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("OPS-6",)

_try_repair = doctor.Problem.try_repair


def _ticked_off(self: doctor.Problem) -> None:
    """Try it; whether it could be done is not asked."""
    _try_repair(self)
    self.fixed = self.repair is not None


def replace(parts: Parts) -> Parts:
    """Swap how `doctor` notes what it has repaired."""
    doctor.Problem.try_repair = _ticked_off  # type: ignore[method-assign]
    return parts
