"""A credential's lock is named after the path by which the command reaches the state [FA#526].

Breaks CFG-11. Who comes through a symbolic link has another lock for the same credential, and redeems its token too.
"""

from __future__ import annotations

import hashlib
import os
import tempfile

from reference.auth.store import Store
from reference.home import make_private
from reference.locks import Lock
from reference.variants._refreshes import replace_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CFG-11",)


class _Store(Store):
    """Keeps the locks of profiles in a folder for all state directories, by the hash of a path."""

    __slots__ = ()

    def lock(self, profile: str) -> Lock:
        """The lock of this way to the profile."""
        folder = os.path.join(tempfile.gettempdir(), "locks")
        make_private(folder)
        name = hashlib.sha256(f"{self.path}:{profile}".encode()).hexdigest()
        return Lock(os.path.join(folder, f"{name}.lock"), code="credentials-busy", what=f"the credential {profile}")


def replace(parts: Parts) -> Parts:
    """Swap the store of the credentials."""
    return replace_store(parts, _Store)
