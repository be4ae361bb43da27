"""Whatever the token endpoint answers but tokens is a lost login [cline #13565].

A 503 in passing ends the turn, and asks for a sign-in that nobody needs.
"""

from __future__ import annotations

from reference.auth.endpoint import ServerFailed, Unavailable
from reference.auth.refresh import Refresh
from reference.auth.store import Credential
from reference.deadline import Deadline
from reference.parts import Parts
from reference.variants._refreshes import replace_refresh

BREAKS = ("AUT-10",)


class _Refresh(Refresh):
    tries = 1

    def redeem(self, current: Credential, deadline: Deadline) -> Credential:
        try:
            return super().redeem(current, deadline)
        except (ServerFailed, Unavailable) as error:
            raise self.sign_in(error.code) from error


def replace(parts: Parts) -> Parts:
    return replace_refresh(parts, _Refresh)
