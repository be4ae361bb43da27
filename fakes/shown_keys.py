"""Which API key or bearer token a request shows, and the refusals that repeat it, as those of some providers do.

It judges no key: the fakes take any.
"""

from dataclasses import replace
from urllib.parse import parse_qs

from fakes.script import Broken, Reply, Status
from fakes.wire.http import HttpRequest

_PLACE = "{key}"
_HEADERS = ("x-api-key", "x-goog-api-key", "api-key")


def shown_key(request: HttpRequest) -> str:
    """The key in a header of its own, behind `Bearer`, or in the query, as Gemini takes it too; "" for none."""
    for name in _HEADERS:
        if key := request.headers.get(name, "").strip():
            return key
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return parse_qs(request.query).get("key", [""])[0]


def with_key(reply: Reply, key: str) -> Reply:
    """The reply, with the key in it where its script says so."""
    if isinstance(reply, Broken) and isinstance(reply.answer, Status):
        return replace(reply, answer=_repeating(reply.answer, key))
    return _repeating(reply, key) if isinstance(reply, Status) else reply


def _repeating(status: Status, key: str) -> Status:
    if not status.repeats_key:
        return status
    placed = _PLACE in status.error + status.message
    message = status.message if placed else status.message + _PLACE
    return replace(status, error=status.error.replace(_PLACE, key), message=message.replace(_PLACE, key))
