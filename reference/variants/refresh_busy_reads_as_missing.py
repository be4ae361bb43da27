"""A run that cannot have a credential's lock at once reports that there is no credential [PI#6880, PI#8928].

Breaks CFG-7 and AUT-1. The credential is valid and untouched; who reads "sign in" signs in, and revokes what the others
are using.
"""

from __future__ import annotations

from reference.auth.refresh import Refresh
from reference.auth.store import Credential
from reference.deadline import Deadline
from reference.errors import Auth, Busy
from reference.parts import Parts
from reference.variants._refreshes import replace_refresh

BREAKS = ("AUT-1", "CFG-7")

_PATIENCE = 0.2  # seconds


class _Refresh(Refresh):
    def renew(self, stale: Credential, deadline: Deadline) -> Credential:
        try:
            self.store.lock(self.profile).acquire(deadline.sooner(_PATIENCE)).release()
        except Busy:
            raise Auth("no-credentials", f"no credentials found for {self.profile!r}", hint="sign in") from None
        return super().renew(stale, deadline)


def replace(parts: Parts) -> Parts:
    """Swap how a credential is renewed."""
    return replace_refresh(parts, _Refresh)
