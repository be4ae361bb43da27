"""The API key that is looked up first is sent to every provider of the turn.

Breaks AUT-9. A fallback refuses it, and has seen it: one more company that can spend the owner's money.
"""

from __future__ import annotations

from reference.auth import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from reference.deadline import Deadline
    from reference.parts import Parts

BREAKS = ("AUT-9",)

_known: list[str] = []


class _First(Credentials):
    def token(self, provider: str, config: Mapping[str, Any], deadline: Deadline) -> str:
        """The key, as it is remembered."""
        token = super().token(provider, config, deadline)
        if config.get("auth") == "oauth":
            return token
        _known.append(token)
        return _known[0]


def replace(parts: Parts) -> Parts:
    """Swap the credentials."""
    return parts.replace(auth=_First)
