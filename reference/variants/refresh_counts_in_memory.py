"""How often a refresh token went out without an answer is counted in memory alone, so that every turn begins anew.

Breaks AUT-5. A token that may be spent is sent by each run that finds it in the store, as often as one may send it; a
server that watches for theft ends the whole sign-in. No single thread: no note at all is what most programs keep.
"""

from __future__ import annotations

from reference.auth.pending import Pending
from reference.auth.refresh import Refresh
from reference.parts import Parts
from reference.variants._refreshes import replace_refresh

BREAKS = ("AUT-5",)


class _Note(Pending):
    __slots__ = ()

    def sending(self) -> None:
        self.sends += 1


class _Refresh(Refresh):
    note = _Note


def replace(parts: Parts) -> Parts:
    """Swap the credentials."""
    return replace_refresh(parts, _Refresh)
