"""A new token that cannot be stored is used all the same, and nobody is told.

Breaks RES-1, RES-2 and RES-3. The turn succeeds; the next one finds the old refresh token, which the server has spent,
and asks for a new sign-in without a cause. No single thread.
"""

from __future__ import annotations

from contextlib import suppress

from reference.auth import Credentials
from reference.auth.store import Store
from reference.home import Home
from reference.parts import Parts

BREAKS = ("RES-1", "RES-2", "RES-3")


class _Store(Store):
    __slots__ = ()

    def write(self, before: bytes | None, profile: str, entry: dict[str, object]) -> None:
        """Replace the file if that works."""
        with suppress(OSError):
            super().write(before, profile, entry)


class _Credentials(Credentials):
    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self.store = _Store(home)


def replace(parts: Parts) -> Parts:
    return parts.replace(auth=_Credentials)
