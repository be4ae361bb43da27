"""The conversation of a session that was given a name is kept under that alone, whichever agent it is of.

Breaks MSG-3. Two agents that have each a session of one name are told of each other's.
"""

from __future__ import annotations

from reference.home import Home
from reference.request import DEFAULT_SESSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("MSG-3",)

_transcript = Home.transcript


def _by_its_name(self: Home, agent: str, session: str) -> str:
    return _transcript(self, agent if session == DEFAULT_SESSION else "named", session)


def replace(parts: Parts) -> Parts:
    """Swap where transcripts are."""
    Home.transcript = _by_its_name  # type: ignore[method-assign]
    return parts
