"""What a provider says is cut to its length first, and the key is taken out of what is left.

Breaks AUT-9. Where the cut goes through the key, nobody recognises what is left of it. Seen in pollenlevels (#366).
"""

from __future__ import annotations

from reference.providers import refusals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("AUT-9",)

_quoted = refusals.quoted


def _cut_first(said: str, secret: str) -> str:
    return _quoted(said[: refusals._MESSAGE_LIMIT], secret)


def replace(parts: Parts) -> Parts:
    """Swap how a provider is quoted."""
    refusals.quoted = _cut_first
    return parts
