"""An expired credential is redeemed without a lock and without looking again [OC#26322, CX#10332].

N processes that find it expired redeem it N times. One succeeds; the others are told that the token was
used.
"""

from __future__ import annotations

from reference.auth.endpoint import redeem
from reference.auth.refresh import Refresh, entry_after
from reference.auth.store import Credential
from reference.deadline import Deadline
from reference.parts import Parts
from reference.variants._refreshes import replace_refresh

# AUT-3, AUT-4, AUT-10: nor is what stands there looked at, nor asked again. CFG-7: without a lock nobody waits for one.
BREAKS = ("AUT-1", "AUT-2", "AUT-3", "AUT-4", "AUT-10", "CFG-7")


class _Refresh(Refresh):
    def renew(self, stale: Credential, deadline: Deadline) -> Credential:
        grant = redeem(self.url, self.provider, stale.refresh, deadline, answered=lambda: None)
        return self.store.put(self.profile, entry_after(stale, grant, self.life(grant)), deadline)


def replace(parts: Parts) -> Parts:
    return replace_refresh(parts, _Refresh)
