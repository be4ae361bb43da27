"""What a token endpoint says of an error is passed on as it stands [oidc-agent#641].

Breaks AUT-9. There are servers that name the refresh token that they do not know.
"""

from __future__ import annotations

from reference.auth import endpoint
from reference.errors import Retryable
from reference.parts import Parts
from reference.providers.fields import obj, parse_object, text

BREAKS = ("AUT-9",)

_error_code = endpoint._error_code


def _said(body: bytes, refresh: str) -> str:
    """The code where it is one that tells what to do; else the whole message."""
    code = _error_code(body, refresh)
    try:
        return (
            code if code in endpoint._DEAD_TOKEN else text(obj(parse_object(body, what="an error")["error"])["message"])
        )
    except (LookupError, Retryable):
        return code


def replace(parts: Parts) -> Parts:
    """Swap what is taken out of a refusal."""
    endpoint._error_code = _said
    return parts
