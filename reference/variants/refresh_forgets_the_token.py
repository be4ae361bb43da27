"""The refresh token is replaced by that of the answer, also where it has none and the old one is in force [TB#1781].

The sign-in ends with the access token, for no reason (RFC 6749 section 6).
"""

from __future__ import annotations

from reference.auth.endpoint import Grant
from reference.auth.refresh import Refresh, entry_after
from reference.auth.store import Credential
from reference.deadline import Deadline
from reference.parts import Parts
from reference.variants._refreshes import replace_refresh

BREAKS = ("AUT-3",)


class _Refresh(Refresh):
    def keep(self, spent: Credential, grant: Grant, deadline: Deadline) -> Credential:
        entry = entry_after(spent, grant, self.life(grant))
        entry["refresh"] = grant.refresh
        return self.store.put(self.profile, entry, deadline, instead_of=spent.refresh)


def replace(parts: Parts) -> Parts:
    return replace_refresh(parts, _Refresh)
