"""The credential file is read before the request and written back whole after it [OC#26322].

What other profiles stored meanwhile is undone, their freshly rotated tokens included.
"""

from __future__ import annotations

from reference.auth.refresh import Refresh
from reference.auth.store import Credential
from reference.deadline import Deadline
from reference.parts import Parts
from reference.variants._refreshes import replace_refresh

BREAKS = ("AUT-7", "AUT-3")


class _Refresh(Refresh):
    def redeem(self, current: Credential, deadline: Deadline) -> Credential:
        before = self.store.read()
        renewed = super().redeem(current, deadline)
        self.store.write(before, self.profile, renewed.fields())
        return renewed


def replace(parts: Parts) -> Parts:
    return replace_refresh(parts, _Refresh)
