"""The refresh token is sent to whichever server a token endpoint leads to (307, 308) [openai-python #3516].

Breaks AUT-9. The token stands in the body, which an HTTP client that takes `authorization` out keeps: a proxy, or an
address that has changed hands, gets the sign-in.
"""

from __future__ import annotations

from reference.auth import endpoint
from reference.parts import Parts
from reference.variants._redirects import following

BREAKS = ("AUT-9",)


def replace(parts: Parts) -> Parts:
    """Swap how the token endpoint is asked."""
    endpoint.post = following  # type: ignore[attr-defined]
    return parts
