"""One redemption of a refresh token at the token endpoint (RFC 6749, section 6), and what its answer means.

A form POST with the public client id of the Codex sign-in. Every outcome is a type, as what may be done next
depends on whether the token can have been spent:

    Grant          spent, and here is the successor
    Refused        the server will not take this token again
    Unavailable    not spent: no connection, or the server says that it did nothing (429, 503)
    ServerFailed   an answer that leaves it open (500, 502, 504)
    AnswerLost     no usable answer at all: reset, time-out, cut, not understandable
    Auth           the server does not want this client or this request; the token is as good as before
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from reference.auth.store import is_token
from reference.errors import Auth, Retryable
from reference.providers.fields import number, obj, parse_object, text
from reference.providers.transport import NotSent, Request, post

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.deadline import Deadline
    from reference.messages import Json

CLIENT_ID = "app_EMoamEEZ73f0CkXaXp7hrann"
TOKEN_URL = "https://auth.openai.com/oauth/token"
IDLE_SECONDS = 20.0

_DEAD_TOKEN = {
    "invalid_grant",
    "refresh_token_reused",
    "refresh_token_expired",
    "refresh_token_invalidated",
}


class Refused(Auth):
    """The refresh token is reused, expired or revoked; `code` is the server's word for it."""


class Unavailable(Auth):
    """The request had no effect, so the same token may be sent again. `retry_after` in seconds, if known."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__("refresh-unavailable", message, hint="run the command again later")
        self.retry_after = retry_after


class ServerFailed(Auth):
    """The server answered, but not whether the token is spent."""


class AnswerLost(Auth):
    """No usable answer came, and the server may have spent the token."""


class Grant:
    """The successor tokens; `refresh` is empty if the server did not rotate, `expires_in` is in seconds."""

    def __init__(self, *, access: str, refresh: str, expires_in: float | None) -> None:
        self.access = access
        self.refresh = refresh
        self.expires_in = expires_in


def redeem(url: str, provider: str, refresh: str, deadline: Deadline, answered: Callable[[], None]) -> Grant:
    """Spend `refresh` once. `answered` is called as soon as the server has begun to answer.

    Raises the types above, Local, or Stopped, which also leaves it open whether the token is spent.
    """
    form = {"grant_type": "refresh_token", "refresh_token": refresh, "client_id": CLIENT_ID}
    request = Request(
        provider=f"the token endpoint of {provider}",
        url=url,
        headers={"content-type": "application/x-www-form-urlencoded", "accept": "application/json"},
        body=urlencode(form).encode(),
        idle=IDLE_SECONDS,
    )
    try:
        with post(request, deadline) as answer:
            answered()
            body = answer.body(within=IDLE_SECONDS)
            if answer.status != 200:
                raise _refusal(answer.status, _error_code(body, refresh), answer.headers.get("retry-after"))
            return _grant(body)
    except NotSent as error:
        raise Unavailable(error.message) from error
    except Retryable as error:
        raise AnswerLost("refresh-answer-lost", error.message) from error


def _grant(body: bytes) -> Grant:
    """Raises Retryable for a body that is no grant, which counts as an answer that was lost."""
    data = parse_object(body, what="a token answer")
    access, refresh = text(data.get("access_token")), text(data.get("refresh_token"))
    if not access or not is_token(access) or not is_token(refresh):
        raise Retryable("malformed-answer", "the token endpoint sent no usable tokens")
    return Grant(access=access, refresh=refresh, expires_in=number(data.get("expires_in")))


def _refusal(status: int, code: str, retry_after: str | None) -> Auth:
    words = f"the token endpoint answered {status}" + (f" ({code})" if code else "")
    if status in (429, 503):
        return Unavailable(words, number(retry_after))
    if status >= 500:
        return ServerFailed("refresh-unavailable", words, hint="run the command again later")
    if code in _DEAD_TOKEN:
        return Refused(code, words)
    return Auth("refresh-refused", words, hint="check tokenUrl in the config file", detail={"status": status})


def _error_code(body: bytes, refresh: str) -> str:
    """The RFC's {"error": code} or OpenAI's {"error": {"code": code}}; nothing else is repeated, no token either."""
    try:
        data: Json = parse_object(body, what="an error")
    except Retryable:
        return ""
    code = text(data.get("error")) or text(obj(data.get("error")).get("code"))
    is_word = code.replace("_", "").isalnum() and len(code) <= 60 and refresh not in code
    return code if is_word else ""
