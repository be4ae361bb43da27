"""What a repair has set about counts as repaired, whether it could be or not [OC#129337].

Breaks OPS-6. Nobody looks again at what is said to be well, until a command fails.
"""

from __future__ import annotations

from reference.commands import doctor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("OPS-6",)


def _try_repair(self: doctor.Problem) -> None:
    """Do what can be done, and tick it off."""
    try:
        if self.repair is not None:
            self.repair()
    finally:
        self.fixed = True


def replace(parts: Parts) -> Parts:
    """Swap how `doctor` notes what it has repaired."""
    doctor.Problem.try_repair = _try_repair  # type: ignore[method-assign]
    return parts
