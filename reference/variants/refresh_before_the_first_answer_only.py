"""A token that ends while a turn goes on is not renewed: only a turn's first request may find its token refused.

Breaks AUT-6. A turn with tools may last longer than a token. No single thread.
"""

from __future__ import annotations

from reference.auth import Credentials
from reference.errors import Auth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar

    from reference.deadline import Deadline
    from reference.parts import Parts

BREAKS = ("AUT-6",)


class _Credentials(Credentials):
    requests: ClassVar[int] = 0  # of this process, which does one turn

    def token(self, provider: str, config: Mapping[str, Any], deadline: Deadline) -> str:
        _Credentials.requests += 1
        return super().token(provider, config, deadline)

    def renew(self, provider: str, config: Mapping[str, Any], rejected: str, deadline: Deadline) -> str:
        if self.requests > 1:
            raise Auth("unauthorized", f"{provider} refuses the token in the middle of a turn", hint="sign in again")
        return super().renew(provider, config, rejected, deadline)


def replace(parts: Parts) -> Parts:
    """Swap the credentials."""
    return parts.replace(auth=_Credentials)
