"""A check-up asks whether everybody can read a credential, and not whether its group can.

Breaks OPS-6. On many machines all people are in one group.
"""

from __future__ import annotations

import os

from reference.commands import doctor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("OPS-6",)

_permissions = doctor._permissions


def _of_everybody(home: Home) -> Iterator[doctor.Problem]:
    return (problem for problem in _permissions(home) if os.stat(problem.path).st_mode & 0o007)


def replace(parts: Parts) -> Parts:
    """Swap what `doctor` finds in the files' modes."""
    doctor._permissions = _of_everybody
    return parts
