"""A turn asks what came of delegated runs only once it has delegated some itself.

Breaks MSG-4: what others had done for a turn that was killed before it was told is not told to the next one. No single
thread.
"""

from __future__ import annotations

from reference.delegation import Delegation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.parts import Parts

BREAKS = ("MSG-4",)


class _Forgetful(Delegation):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._expecting = False


def replace(parts: Parts) -> Parts:
    """Swap what a turn has other agents do."""
    return parts.replace(delegation=_Forgetful)
