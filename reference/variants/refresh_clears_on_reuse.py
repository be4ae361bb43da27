"""A refresh token that was used before is taken for a lost login: the profile's tokens go [CC#88583].

Whoever used it has stored its successor, and that is what gets cleared.
"""

from __future__ import annotations

from reference.auth.endpoint import Refused
from reference.auth.refresh import Refresh
from reference.auth.store import Credential
from reference.deadline import Deadline
from reference.parts import Parts
from reference.variants._refreshes import replace_refresh

BREAKS = ("AUT-2",)


class _Refresh(Refresh):
    def after_refusal(self, spent: Credential, refusal: Refused, deadline: Deadline) -> Credential:
        self.store.put(self.profile, spent.fields(access="", refresh="", expires=0), deadline)
        raise self.sign_in(refusal.code) from refusal


def replace(parts: Parts) -> Parts:
    return replace_refresh(parts, _Refresh)
