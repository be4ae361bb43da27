"""Nothing is kept of a refresh token that is spent or refused: after a crash every turn sends it again [CX#39054].

To a server that detects reuse each of these turns is a thief.
"""

from __future__ import annotations

from reference.auth.pending import Pending
from reference.auth.refresh import Refresh
from reference.auth.store import Credential, pending_path
from reference.deadline import Deadline
from reference.parts import Parts
from reference.variants._refreshes import replace_refresh

BREAKS = ("AUT-4", "AUT-5")


class _Refresh(Refresh):
    def redeem(self, current: Credential, deadline: Deadline) -> Credential:
        try:
            return super().redeem(current, deadline)
        finally:
            Pending(pending_path(self.store.home, self.profile), current.refresh).clear()


def replace(parts: Parts) -> Parts:
    return replace_refresh(parts, _Refresh)
