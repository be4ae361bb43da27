"""A usage limit of the account is taken for a limit of one model: the account's next model is asked [OC#153417].

Breaks FLO-5. Every model of the account is asked in its turn, although all of them have to rest.
"""

from __future__ import annotations

from reference.errors import Retryable
from reference.variants._clients import Wrapped, replace_clients

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.messages import Reply
    from reference.parts import Parts

BREAKS = ("FLO-5",)


class _Client(Wrapped):
    def complete(self, *request: Any) -> Reply:
        """The answer; a failure forgets that it concerns the account."""
        try:
            return self._client.complete(*request)
        except Retryable as error:
            error.detail.pop("scope", None)
            raise


def replace(parts: Parts) -> Parts:
    """Swap the clients."""
    return replace_clients(parts, _Client)
