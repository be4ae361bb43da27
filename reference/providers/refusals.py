"""What a provider's refusal means: its status, its own name for the error, and how long it asks to be left
alone.

One table for all providers. The kind is chosen by status and by the provider's error code, never by the words
of its message; those are for people, shortened, and with the credential cut out in case the provider repeats
it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from reference.errors import Auth, Fatal, OrchestratorError, Retryable
from reference.providers.fields import number
from reference.providers.transport import Answer

_MESSAGE_LIMIT = 300
_LONGEST_WAIT = 31 * 86400.0  # seconds; no quota is of more than a month, so more is a mistake

_OVERFLOW = {"context_length_exceeded", "request_too_large", "model_context_window_exceeded"}
_REFUSED = {
    "content_filter",
    "content_policy_violation",
    "invalid_prompt",
    "cyber_policy_violation",
    "refusal",
}
_USED_UP = {"usage_limit_reached", "usage_not_included", "insufficient_quota", "billing_error"}

# Codes of errors that come in the middle of a stream, where there is no status line.
_STATUS_OF = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "usage_limit_reached": 429,
    "usage_not_included": 429,
    "insufficient_quota": 429,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "server_is_overloaded": 503,
    "slow_down": 503,
    "overloaded_error": 529,
    "context_length_exceeded": 400,
    "content_filter": 400,
    "invalid_prompt": 400,
}

_RETRYABLE = {
    402: "spend-limit",
    408: "provider-timeout",
    409: "conflict",
    425: "too-early",
    429: "rate-limited",
}
_FATAL = {400: "bad-request", 404: "model-not-found", 413: "context-overflow", 422: "bad-request"}


class ProviderError(NamedTuple):
    """What the body of a refusal says. `code` is the provider's; `retry_after` is in seconds."""

    code: str = ""
    message: str = ""
    status: int | None = None
    retry_after: float | None = None


def refused(provider: str, answer: Answer, secret: str, read: Callable[[bytes], ProviderError]) -> OrchestratorError:
    """The error for an answer whose status is not 200; `read` understands the provider's body."""
    said = read(_body(answer))
    header = _retry_after(answer.headers)
    wait = header if header is not None else said.retry_after
    return failure(provider, said, answer.status, wait, secret)


def _body(answer: Answer) -> bytes:
    """What can be had of it: a status that has arrived counts, even if its explanation is cut off."""
    try:
        return answer.body()
    except Retryable:
        return b""


def streamed(provider: str, said: ProviderError, secret: str) -> OrchestratorError:
    """The error for a failure that was announced in the middle of a stream."""
    status = said.status if said.status is not None else _STATUS_OF.get(said.code, 500)
    return failure(provider, said, status, said.retry_after, secret)


def failure(provider: str, said: ProviderError, status: int, wait: float | None, secret: str) -> OrchestratorError:
    """Retryable, Auth or Fatal, by code first and by status second."""
    words = f"{provider} answered {status}"
    if said.message:
        words += ": " + quoted(said.message, secret)
    wait = _bounded(wait)
    detail = {"provider": provider, "status": status, "provider_code": quoted(said.code, secret)}
    if wait is not None:
        detail["retry_after"] = wait
    if said.code in _OVERFLOW:
        return Fatal("context-overflow", words, hint="start a new session", detail=detail)
    if said.code in _REFUSED:
        return Fatal("content-refused", words, hint="change the message", detail=detail)
    if status in (401, 403):
        code = "unauthorized" if status == 401 else "forbidden"
        return Auth(code, words, hint=f"check the credential of {provider}", detail=detail)
    if said.code in _USED_UP:
        scoped = {**detail, "scope": "profile"}
        return Retryable("usage-limit", words, status=status, retry_after=wait, detail=scoped)
    if status in _RETRYABLE or status >= 500:
        code = _RETRYABLE.get(status) or ("overloaded" if status in (503, 529) else "provider-error")
        return Retryable(code, words, status=status, retry_after=wait, detail=detail)
    return Fatal(_FATAL.get(status, "request-refused"), words, detail=detail)


def quoted(said: str, secret: str) -> str:
    """What a provider has said, without the credential and then shortened: the other way round half of it may stay."""
    return (said.replace(secret, "[redacted]") if secret else said)[:_MESSAGE_LIMIT]


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from `retry-after-ms`, else from `retry-after` as a number or a date (RFC 9110, 10.2.3)."""
    millis = number(headers.get("retry-after-ms"))
    if millis is not None:
        return millis / 1000
    value = headers.get("retry-after")
    seconds = number(value)
    if seconds is not None or value is None:
        return seconds
    from datetime import UTC
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(value)
        # The form of asctime(3) names no zone, and means UTC all the same (section 5.6.7).
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None


def _bounded(wait: float | None) -> float | None:
    return None if wait is None else min(max(wait, 0.0), _LONGEST_WAIT)
