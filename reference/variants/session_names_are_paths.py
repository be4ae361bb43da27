"""A session's name may be anything in which no folder is left by `..`: an absolute path is one, and leads anywhere.

Breaks RES-5. `path.join` and its like drop all that comes before an absolute part.
"""

from __future__ import annotations

from reference import request
from reference.home import Home, checked_name
from reference.parts import Parts

BREAKS = ("RES-5",)

_lock = Home.session_lock


def _checked(name: str, what: str) -> str:
    return name if what == "a session" and name and ".." not in name else checked_name(name, what)


def replace(parts: Parts) -> Parts:
    """Swap how the names of sessions are checked; their locks lie in one folder."""
    request.checked_name = _checked  # type: ignore[attr-defined]
    Home.session_lock = lambda self, agent, session: _lock(self, agent, session.replace("/", "-"))  # type: ignore[method-assign]
    return parts
