"""A session's files are named after its name with hyphens for underscores: two names that differ by these are one.

Breaks MSG-3. Names are made tidy so that they fit into a path or a key; each of the two is told what was said to the
other.
"""

from __future__ import annotations

from reference.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("MSG-3",)

_lock, _transcript = Home.session_lock, Home.transcript


def _tidy(name: str) -> str:
    return name.replace("_", "-")


def replace(parts: Parts) -> Parts:
    """Swap where a session's lock and transcript are."""
    Home.session_lock = lambda self, agent, session: _lock(self, agent, _tidy(session))  # type: ignore[method-assign]
    Home.transcript = lambda self, agent, session: _transcript(self, agent, _tidy(session))  # type: ignore[method-assign]
    return parts
