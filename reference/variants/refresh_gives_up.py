"""Whatever the token endpoint answers but tokens is a lost login [cline #13565].

A 503 in passing ends the turn, and asks for a sign-in that nobody needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reference.auth import Credentials
from reference.auth.endpoint import ServerFailed, Unavailable
from reference.auth.refresh import Refresh
from reference.auth.store import Credential
from reference.deadline import Deadline
from reference.parts import Parts

BREAKS = ("AUT-10",)


class _Refresh(Refresh):
    tries = 1

    def redeem(self, current: Credential, deadline: Deadline) -> Credential:
        try:
            return super().redeem(current, deadline)
        except (ServerFailed, Unavailable) as error:
            raise self.sign_in(error.code) from error


class _Credentials(Credentials):
    def refresh(self, profile: str, provider: str, config: Mapping[str, Any]) -> Refresh:
        return _Refresh(self.store, profile, provider, config)


def replace(parts: Parts) -> Parts:
    return parts.replace(auth=_Credentials)
