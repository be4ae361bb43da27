"""A model is told what its tools print on standard output, and not what they print on standard error.

Breaks MSG-6. Compilers and tests say what is wrong on standard error: the model learns that something is, and guesses.
"""

from __future__ import annotations

import subprocess

from reference.tools import keeper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("MSG-6",)


def _spawn(self: keeper._Keeper) -> subprocess.Popen[bytes]:
    """The shell; half of what it says goes nowhere."""
    return subprocess.Popen(
        ["/bin/sh", "-c", self.work.command],
        cwd=self.work.workspace,
        stdin=subprocess.DEVNULL,
        stdout=self.work.output if self.work.output >= 0 else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def replace(parts: Parts) -> Parts:
    """Swap how a keeper starts its shell."""
    keeper._Keeper._spawn = _spawn  # type: ignore[method-assign]
    return parts
