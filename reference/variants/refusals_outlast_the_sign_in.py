"""What was noted of a refresh token that may be spent counts for whichever token stands in its profile by now.

Breaks AUT-4. After a new sign-in the first renewal is refused as the last one was, and so is that after the next.
"""

from __future__ import annotations

from reference.auth import pending
from reference.auth.refresh import Refresh
from reference.parts import Parts
from reference.variants._refreshes import replace_refresh

BREAKS = ("AUT-4",)


class _Note(pending.Pending):
    __slots__ = ()

    def _read(self) -> dict[str, object]:
        """The note, as if it were about our token."""
        found = super()._read()
        return {**found, "fingerprint": self._fingerprint} if found else found


class _Refresh(Refresh):
    note = _Note


def replace(parts: Parts) -> Parts:
    """Swap the credentials."""
    return replace_refresh(parts, _Refresh)
