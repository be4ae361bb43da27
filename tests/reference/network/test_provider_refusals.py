"""What providers refuse, in the status line and in the middle of a stream, and how long they ask to be left alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from reference.deadline import Deadline
from reference.errors import Auth, Fatal, OrchestratorError, Retryable
from reference.messages import Message
from reference.providers import client_for

HELLO = (Message(role="user", text="hello"),)


def failure(wire: Any, server: Any) -> OrchestratorError:
    client = client_for(wire.name, wire.config(server))
    with pytest.raises(OrchestratorError) as caught:
        client.complete("m", HELLO, (), "sk-secret", Deadline.after(10))
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, Fatal, "bad-request"),
        (401, Auth, "unauthorized"),
        (402, Retryable, "spend-limit"),
        (403, Auth, "forbidden"),
        (404, Fatal, "model-not-found"),
        (408, Retryable, "provider-timeout"),
        (413, Fatal, "context-overflow"),
        (422, Fatal, "bad-request"),
        (429, Retryable, "rate-limited"),
        (500, Retryable, "provider-error"),
        (502, Retryable, "provider-error"),
        (503, Retryable, "overloaded"),
        (529, Retryable, "overloaded"),
        (302, Fatal, "request-refused"),
    ],
)
def test_status(wire: Any, server: Any, kit: Any, status: int, kind: type, code: str) -> None:
    for body in (b"", b"<html>", b"[1, null]", b'{"error": "x"}', b'{"error": {"message": 7}}', b"\xff"):
        server.acts[wire.path] = [kit.answer(status, body, {"location": server.url})]
        error = failure(wire, server)
        assert (type(error), error.code, error.detail["status"]) == (kind, code, status)
    assert len(server.seen) == 6  # nothing was repeated or followed


@pytest.mark.parametrize("end", ["cut", "reset", "stall"])
def test_status_counts_without_its_explanation(wire: Any, server: Any, kit: Any, end: str) -> None:
    server.on(wire.path, kit.stream(b'{"error": {"mess', end=end, status=400))
    error = failure(wire, server)
    assert (type(error), error.code) == (Fatal, "bad-request")


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ({"retry-after": "7"}, 7, 7),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5, 1.5),
        ({"retry-after": "0"}, 0, 0),
        ({"retry-after": "-5"}, 0, 0),
        ({"retry-after": "1e99"}, 31 * 86400, 31 * 86400),
    ],
)
def test_retry_after(wire: Any, server: Any, kit: Any, value: Any, low: float, high: float) -> None:
    server.on(wire.path, kit.answer(429, {}, value))
    error = failure(wire, server)
    assert isinstance(error, Retryable)
    assert error.retry_after is not None
    assert low <= error.retry_after <= high
    assert error.detail["retry_after"] == error.retry_after


@pytest.mark.parametrize("value", ["soon", "nan", "inf", "Wed, 99 Foo 2026", ""])
def test_retry_after_that_means_nothing(wire: Any, server: Any, kit: Any, value: str) -> None:
    server.on(wire.path, kit.answer(429, {}, {"retry-after": value}))
    error = failure(wire, server)
    assert isinstance(error, Retryable)
    assert error.retry_after is None


@pytest.fixture(params=["UTC", "Asia/Tokyo"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where this machine stands."""
    with monkeypatch.context() as there:
        there.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("form", ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"])
def test_retry_after_date(wire: Any, server: Any, kit: Any, form: str) -> None:
    """In each of the three forms of a date (RFC 9110, section 5.6.7), wherever this machine stands."""
    server.on(wire.path, kit.answer(503, {}, {"retry-after": time.strftime(form, time.gmtime(time.time() + 60))}))
    error = failure(wire, server)
    assert isinstance(error, Retryable)
    assert 50 < (error.retry_after or 0) <= 60


def test_retry_info_of_gemini(kit: Any, server: Any) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "26s"}]
    error = {"error": {"code": 429, "message": "no", "status": "RESOURCE_EXHAUSTED", "details": details}}
    for body in (error, [error]):
        server.acts[kit.gemini.path] = [kit.answer(429, body)]
        found = failure(kit.gemini, server)
        assert isinstance(found, Retryable)
        assert found.retry_after == 26


def test_usage_limit_of_codex(kit: Any, server: Any) -> None:
    body = {"error": {"type": "usage_limit_reached", "message": "limit", "resets_in_seconds": 33}}
    server.on(kit.codex.path, kit.answer(429, body))
    error = failure(kit.codex, server)
    assert isinstance(error, Retryable)
    assert (error.code, error.retry_after, error.detail["scope"]) == ("usage-limit", 33, "profile")


ANTHROPIC_ERRORS = [
    ("overloaded_error", Retryable, 529),
    ("rate_limit_error", Retryable, 429),
    ("api_error", Retryable, 500),
    ("a_new_error", Retryable, 500),
    ("invalid_request_error", Fatal, 400),
    ("authentication_error", Auth, 401),
]


@pytest.mark.parametrize(("name", "kind", "status"), ANTHROPIC_ERRORS)
def test_error_in_an_anthropic_stream(kit: Any, server: Any, name: str, kind: type, status: int) -> None:
    bad = kit.event("error", {"type": "error", "error": {"type": name, "message": "m"}})
    server.on(kit.anthropic.path, kit.stream(*kit.anthropic.frames("hello", None)[:4], bad))
    error = failure(kit.anthropic, server)
    assert (type(error), error.detail["status"]) == (kind, status)


CODEX_ERRORS = [
    ("context_length_exceeded", Fatal, "context-overflow", None),
    ("insufficient_quota", Retryable, "usage-limit", None),
    ("rate_limit_exceeded", Retryable, "rate-limited", 11.054),
    ("server_is_overloaded", Retryable, "overloaded", None),
    ("invalid_prompt", Fatal, "content-refused", None),
    ("brand_new", Retryable, "provider-error", None),
]


@pytest.mark.parametrize(("name", "kind", "code", "wait"), CODEX_ERRORS)
def test_failed_codex_response(kit: Any, server: Any, name: str, kind: type, code: str, wait: float | None) -> None:
    words = "Rate limit reached. Please try again in 11.054s." if wait else "context window and content refused"
    said = {"code": name, "message": words}
    failed = kit.event("response.failed", {"type": "response.failed", "response": {"error": said}})
    flat = kit.event("error", {"type": "error", **said, "param": None, "sequence_number": 3})
    for bad in (failed, flat):
        server.acts[kit.codex.path] = [kit.stream(*kit.codex.frames("hello", None)[:2], bad)]
        error = failure(kit.codex, server)
        assert (type(error), error.code) == (kind, code)
        assert getattr(error, "retry_after", None) == wait


def test_error_chunk_of_gemini(kit: Any, server: Any) -> None:
    bad = kit.data_only({"error": {"code": 503, "status": "UNAVAILABLE", "message": "later"}})
    server.on(kit.gemini.path, kit.stream(kit.gemini.frames("hello", None)[0], bad))
    assert failure(kit.gemini, server).detail["status"] == 503


def test_refusals_are_fatal(kit: Any, server: Any) -> None:
    refusal = {"type": "message_delta", "delta": {"stop_reason": "refusal"}}
    claude = kit.anthropic.frames("hello", None)
    server.on(kit.anthropic.path, kit.stream(*claude[:-2], kit.event("message_delta", refusal), claude[-1]))
    for body in ({"promptFeedback": {"blockReason": "SAFETY"}}, {"candidates": [{"finishReason": "SAFETY"}]}):
        server.acts[kit.gemini.path] = [kit.stream(kit.data_only(body))]
        assert failure(kit.gemini, server).code == "content-refused"
    filtered = {
        "type": "response.incomplete",
        "response": {"incomplete_details": {"reason": "content_filter"}},
    }
    server.on(kit.codex.path, kit.stream(kit.event("response.incomplete", filtered)))
    for wire in (kit.anthropic, kit.codex):
        error = failure(wire, server)
        assert (type(error), error.code) == (Fatal, "content-refused")


def test_tool_arguments_that_are_not_json(kit: Any, server: Any) -> None:
    frames = kit.anthropic.frames("", {"command": "make"})
    server.on(kit.anthropic.path, kit.stream(*frames[:4], *frames[5:]))  # without the second half
    error = failure(kit.anthropic, server)
    assert (type(error), error.code) == (Retryable, "malformed-stream")


def test_the_key_is_never_repeated(wire: Any, server: Any, kit: Any) -> None:
    said = {"error": {"message": "bad key sk-secret!", "type": "sk-secret", "code": "sk-secret"}}
    for status in (400, 401, 429, 500):
        server.acts[wire.path] = [kit.answer(status, said)]
        error = failure(wire, server)
        assert "sk-secret" not in json.dumps(error.document()) + str(error)


def test_a_cut_leaves_no_half_of_the_key(wire: Any, server: Any, kit: Any) -> None:
    said = {"error": {"message": "sk-secret " * 100, "type": "sk-secret" * 100, "code": "sk-secret" * 100}}
    server.acts[wire.path] = [kit.answer(400, said)]
    error = failure(wire, server)
    assert "secret" not in json.dumps(error.document()) + str(error)


@pytest.mark.parametrize(
    "body",
    [{"promptFeedback": {"blockReason": "sk-secret"}}, {"candidates": [{"finishReason": "AS_sk-secret"}]}],
)
def test_the_key_is_not_repeated_as_the_reason_of_an_end(kit: Any, server: Any, body: Any) -> None:
    server.on(kit.gemini.path, kit.stream(kit.data_only(body)))
    assert "sk-secret" not in failure(kit.gemini, server).message
