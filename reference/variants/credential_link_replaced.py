"""A credential file that is a symbolic link is replaced by a file of one's own with the first refresh [CC#76561].

Breaks CFG-11. Of two state directories that share a credential by links each has its own lock, and redeems its token.
"""

from __future__ import annotations

from reference.auth.store import Store
from reference.variants._refreshes import replace_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("CFG-11",)


class _Store(Store):
    """Takes the link for the file."""

    __slots__ = ()

    def __init__(self, home: Home) -> None:
        self.home = home
        self.path = home.credentials


def replace(parts: Parts) -> Parts:
    """Swap the store of the credentials."""
    return replace_store(parts, _Store)
