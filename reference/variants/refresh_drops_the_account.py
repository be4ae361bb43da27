"""What a refresh stores is made anew from the answer, which does not say whose account it is [TB#1781].

Requests that name the account then go out without it, or as of another workspace.
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
        entry.pop("account_id", None)
        return self.store.put(self.profile, entry, deadline, instead_of=spent.refresh)


def replace(parts: Parts) -> Parts:
    return replace_refresh(parts, _Refresh)
