"""What the token endpoint answers is stored over whatever stands there by then [OC#102430].

An answer that comes late puts an older token over a newer one.
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
        return self.store.put(self.profile, entry_after(spent, grant, self.life(grant)), deadline)


def replace(parts: Parts) -> Parts:
    return replace_refresh(parts, _Refresh)
