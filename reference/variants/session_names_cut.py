"""A session's files are named after the first 32 characters of its name: two that begin alike are one.

Breaks MSG-3. Names are cut so that a path cannot get too long; each of the two is told what was said to the other.
"""

from __future__ import annotations

from reference.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("MSG-3",)

_LENGTH = 32  # characters

_lock, _transcript = Home.session_lock, Home.transcript


def replace(parts: Parts) -> Parts:
    """Swap where a session's lock and transcript are."""
    Home.session_lock = lambda self, agent, session: _lock(self, agent, session[:_LENGTH])  # type: ignore[method-assign]
    Home.transcript = lambda self, agent, session: _transcript(self, agent, session[:_LENGTH])  # type: ignore[method-assign]
    return parts
