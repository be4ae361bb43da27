"""Only the local clock says when a token is over: a provider's 401 before that is final [CC#54443].

The server has ended the token early, or the clock is wrong; with a refresh the turn would have gone on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reference.auth import Credentials, profile_of
from reference.deadline import Deadline
from reference.errors import Auth
from reference.parts import Parts

BREAKS = ("AUT-6",)


class _Credentials(Credentials):
    def renew(self, provider: str, config: Mapping[str, Any], rejected: str, deadline: Deadline) -> str:
        if self.store.get(profile_of(provider, config)).is_fresh():
            raise Auth("unauthorized", f"{provider} refuses a token that is not over", hint="sign in again")
        return super().renew(provider, config, rejected, deadline)


def replace(parts: Parts) -> Parts:
    return parts.replace(auth=_Credentials)
