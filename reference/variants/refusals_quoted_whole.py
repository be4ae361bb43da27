"""What a provider says of its refusal is passed on as it stands, the API key in it too.

Breaks AUT-9. Most providers show a few characters of a wrong key; some servers that speak as they do show all of it.
"""

from __future__ import annotations

from reference.providers import refusals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("AUT-9",)


def _as_it_stands(said: str, secret: str) -> str:
    return said[: refusals._MESSAGE_LIMIT]


def replace(parts: Parts) -> Parts:
    """Swap how a provider is quoted."""
    refusals.quoted = _as_it_stands
    return parts
