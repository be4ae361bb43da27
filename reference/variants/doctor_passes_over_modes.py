"""A check-up reads every file, and does not ask who else can.

Breaks OPS-6. Credentials that a copy, or an archive, has opened to others stay so, and all is said to be well.
"""

from __future__ import annotations

from reference.commands import doctor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("OPS-6",)


def _permissions(home: Home) -> Iterator[doctor.Problem]:
    return iter(())


def replace(parts: Parts) -> Parts:
    """Swap what `doctor` finds in the files' modes."""
    doctor._permissions = _permissions
    return parts
