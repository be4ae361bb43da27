"""A token endpoint that answers 500 twice is taken for one that refuses the token: the user has to sign in again.

Breaks AUT-10. The server had spent nothing, and would have taken the token as soon as it was back. No single thread.
"""

from __future__ import annotations

from reference.auth.endpoint import ServerFailed
from reference.auth.pending import Pending
from reference.auth.refresh import Refresh
from reference.auth.store import Credential, pending_path
from reference.deadline import Deadline
from reference.parts import Parts
from reference.variants._refreshes import replace_refresh

BREAKS = ("AUT-10",)


class _Refresh(Refresh):
    def redeem(self, current: Credential, deadline: Deadline) -> Credential:
        try:
            return super().redeem(current, deadline)
        except ServerFailed:
            Pending(pending_path(self.store.home, self.profile), current.refresh).refuse("server-failed")
            raise


def replace(parts: Parts) -> Parts:
    return replace_refresh(parts, _Refresh)
