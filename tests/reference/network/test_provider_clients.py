"""The three wire formats over real sockets: whole answers, and every way not to get one."""

from __future__ import annotations

import base64
import json
import socket
import time
from email.utils import formatdate
from typing import Any

import httpx
import pytest
import respx

from reference.deadline import Deadline
from reference.errors import Auth, Fatal, Local, OrchestratorError, Retryable, Stopped
from reference.messages import Message, Reply, ToolCall
from reference.providers import client_for
from reference.tools import TOOLS

HELLO = (Message(role="user", text="hello"),)
ARGUMENTS = {"command": "make", "text": 'ü\u2028\\"'}


def ask(wire: Any, server: Any, messages: Any = HELLO, token: str = "sk-secret", **config: Any) -> Reply:
    client = client_for(wire.name, wire.config(server, **config))
    return client.complete("m", messages, TOOLS, token, Deadline.after(10))


def failure(wire: Any, server: Any, **config: Any) -> OrchestratorError:
    with pytest.raises(OrchestratorError) as caught:
        ask(wire, server, **config)
    return caught.value


def test_text(wire: Any, server: Any) -> None:
    server.on(wire.path, wire.reply("hi thére"))
    reply = ask(wire, server)
    assert reply.text == "hi thére"
    assert reply.tool_calls == ()
    assert reply.usage


def test_tool_call(wire: Any, server: Any) -> None:
    server.on(wire.path, wire.reply(tool=ARGUMENTS))
    reply = ask(wire, server)
    [call] = reply.tool_calls
    assert (call.name, call.arguments) == ("exec", ARGUMENTS)
    assert call.id


def test_answer_in_single_bytes(wire: Any, server: Any) -> None:
    whole = b"".join(wire.frames("hello", None))
    server.on(wire.path, stream_of_bytes(whole))
    assert ask(wire, server).text == "hello"


def stream_of_bytes(whole: bytes) -> Any:
    def act(server: Any, connection: socket.socket, seen: Any) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")  # no length: the body ends with the connection
        for index in range(len(whole)):
            connection.sendall(whole[index : index + 1])

    return act


def conversation() -> tuple[Message, ...]:
    calls = tuple(ToolCall(id=f"c{n}", name="exec", arguments={"command": f"echo {n}"}) for n in (1, 2))
    return (
        Message(role="user", text="go"),
        Message(role="assistant", text="on it", tool_calls=calls),
        Message(role="tool", text="one", tool_call_id="c1"),
        Message(role="tool", text="two", tool_call_id="c2"),
    )


def test_conversation_in_anthropic_form(kit: Any, server: Any) -> None:
    server.on(kit.anthropic.path, kit.anthropic.reply())
    ask(kit.anthropic, server, conversation())
    [seen] = server.seen
    assert seen.headers["x-api-key"] == "sk-secret"
    assert seen.json["max_tokens"] > 0
    assert seen.json["tools"][0]["input_schema"]["required"] == ["command"]
    roles = [(m["role"], [block["type"] for block in m["content"]]) for m in seen.json["messages"]]
    assert roles == [
        ("user", ["text"]),
        ("assistant", ["text", "tool_use", "tool_use"]),
        ("user", ["tool_result", "tool_result"]),
    ]


def test_conversation_in_gemini_form(kit: Any, server: Any) -> None:
    server.on(kit.gemini.path, kit.gemini.reply(tool={"command": "x"}))
    reply = ask(kit.gemini, server, conversation())
    assert reply.tool_calls[0].id == "call-2"  # Gemini gave none: numbered after the two before
    [seen] = server.seen
    assert seen.path.endswith("?alt=sse")
    assert seen.headers["x-goog-api-key"] == "sk-secret"
    contents = seen.json["contents"]
    assert [c["role"] for c in contents] == ["user", "model", "user"]
    assert [p["functionResponse"]["name"] for p in contents[2]["parts"]] == ["exec", "exec"]


def test_conversation_in_codex_form(kit: Any, server: Any) -> None:
    claims = {"https://api.openai.com/auth": {"chatgpt_account_id": "acct_1"}}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    server.on(kit.codex.path, kit.codex.reply())
    ask(kit.codex, server, conversation(), token=f"e30.{payload}.sig")
    [seen] = server.seen
    assert seen.headers["authorization"] == f"Bearer e30.{payload}.sig"
    assert seen.headers["chatgpt-account-id"] == "acct_1"
    body = seen.json
    assert (body["store"], body["stream"]) == (False, True)
    kinds = [item["type"] for item in body["input"]]
    assert kinds == ["message", "message", *["function_call"] * 2, *["function_call_output"] * 2]


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "e30.W10.x", "..", "a.!!!.c"])
def test_token_that_names_no_account(kit: Any, server: Any, token: str) -> None:
    server.on(kit.codex.path, kit.codex.reply())
    assert ask(kit.codex, server, token=token).text == "hello"
    assert "chatgpt-account-id" not in server.seen[0].headers


@pytest.mark.parametrize("end", ["clean", "cut"])
def test_early_end_at_every_frame_is_truncated(wire: Any, server: Any, kit: Any, end: str) -> None:
    for tool in (None, ARGUMENTS):
        frames = wire.frames("hello", tool)
        for count in range(len(frames)):
            server.acts[wire.path] = [kit.stream(*frames[:count], end=end)]
            error = failure(wire, server)
            assert (type(error), error.code) == (Retryable, "truncated"), (count, tool)


def test_early_end_inside_the_last_frame(wire: Any, server: Any, kit: Any) -> None:
    whole = b"".join(wire.frames("hello", None))
    server.on(wire.path, kit.stream(whole[:-2]))
    assert failure(wire, server).code == "truncated"


def test_network_failures_have_their_names(wire: Any, server: Any, kit: Any) -> None:
    frames = wire.frames("hello", None)[:1]
    expected = {
        "connection-reset": kit.stream(*frames, end="reset"),
        "stalled": kit.stream(*frames, end="stall"),
        "disconnected": kit.drop,
    }
    for code, act in expected.items():
        server.acts[wire.path] = [act]
        error = failure(wire, server)
        assert isinstance(error, Retryable)
        assert error.code == code


def test_stall_before_the_first_byte(wire: Any, server: Any, kit: Any) -> None:
    server.on(wire.path, kit.hang)
    begun = time.monotonic()
    assert failure(wire, server).code == "stalled"
    assert 0.4 < time.monotonic() - begun < 3


def test_refused(wire: Any, server: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    error = failure(wire, server, baseUrl=url)
    assert isinstance(error, Retryable)
    assert error.code == "connect-refused"


def test_deadline_is_not_a_stall(wire: Any, server: Any, kit: Any) -> None:
    server.on(wire.path, kit.hang)
    client = client_for(wire.name, wire.config(server, idleSeconds=10))
    with pytest.raises(Stopped) as caught:
        client.complete("m", HELLO, TOOLS, "k", Deadline.after(0.2))
    assert caught.value.code == "deadline"


def test_drip_does_not_outlive_the_deadline(wire: Any, server: Any) -> None:
    def drip(server: Any, connection: socket.socket, seen: Any) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not server.released.wait(0.05):
            connection.sendall(b": drip\n")

    server.on(wire.path, drip)
    client = client_for(wire.name, wire.config(server))
    with pytest.raises(Stopped):
        client.complete("m", HELLO, TOOLS, "k", Deadline.after(0.4))


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


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ({"retry-after": "7"}, 7, 7),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5, 1.5),
        ({"retry-after": "0"}, 0, 0),
        ({"retry-after": "-5"}, 0, 0),
        ({"retry-after": "1e99"}, 604800, 604800),
    ],
)
def test_retry_after(wire: Any, server: Any, kit: Any, value: Any, low: float, high: float) -> None:
    server.on(wire.path, kit.answer(429, {}, value))
    error = failure(wire, server)
    assert isinstance(error, Retryable)
    assert error.retry_after is not None
    assert low <= error.retry_after <= high


@pytest.mark.parametrize("value", ["soon", "nan", "inf", "Wed, 99 Foo 2026", ""])
def test_retry_after_that_means_nothing(wire: Any, server: Any, kit: Any, value: str) -> None:
    server.on(wire.path, kit.answer(429, {}, {"retry-after": value}))
    error = failure(wire, server)
    assert isinstance(error, Retryable)
    assert error.retry_after is None


def test_retry_after_date(wire: Any, server: Any, kit: Any) -> None:
    server.on(wire.path, kit.answer(503, {}, {"retry-after": formatdate(time.time() + 60, usegmt=True)}))
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
def test_failed_codex_response(
    kit: Any, server: Any, name: str, kind: type, code: str, wait: float | None
) -> None:
    words = (
        "Rate limit reached. Please try again in 11.054s." if wait else "context window and content refused"
    )
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


@pytest.mark.parametrize(
    "body", [b"", b"<html></html>", b'{"ok": true}', b"data: {oops\n\n", b"data: [1]\n\n"]
)
def test_success_that_is_no_stream(wire: Any, server: Any, kit: Any, body: bytes) -> None:
    server.on(wire.path, kit.answer(200, body))
    error = failure(wire, server)
    assert isinstance(error, Retryable)
    assert error.code in ("truncated", "malformed-stream")


def test_the_key_is_never_repeated(wire: Any, server: Any, kit: Any) -> None:
    said = {"error": {"message": "bad key sk-secret!", "type": "sk-secret", "code": "sk-secret"}}
    for status in (400, 401, 429, 500):
        server.acts[wire.path] = [kit.answer(status, said)]
        error = failure(wire, server)
        assert "sk-secret" not in json.dumps(error.document()) + str(error)


def test_key_that_cannot_be_sent(wire: Any, server: Any) -> None:
    for token in ("line\nfeed", "ümlaut", "\x00"):
        with pytest.raises(Auth) as caught:
            ask(wire, server, token=token)
        assert caught.value.code == "unsendable-credential"
        assert token not in str(caught.value)
    assert server.seen == []


@pytest.mark.parametrize(
    "config",
    [
        {"api": "smtp"},
        {"api": None},
        {"baseUrl": "ftp://x"},
        {"baseUrl": 7},
        {"baseUrl": "http://"},
        {"baseUrl": "http://host:port"},
        {"baseUrl": "http://exa mple"},
        {"baseUrl": "http://[::1"},
        {"idleSeconds": 0},
        {"idleSeconds": True},
        {"idleSeconds": "x"},
    ],
)
def test_bad_config(kit: Any, server: Any, config: dict[str, Any]) -> None:
    error = failure(kit.anthropic, server, **config)
    assert (type(error), error.code) == (Local, "bad-provider-config")


def test_out_of_descriptors_is_local(wire: Any, server: Any) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    client = client_for(wire.name, wire.config(server))
    with socket.socket() as last:
        resource.setrlimit(resource.RLIMIT_NOFILE, (last.fileno(), hard))
    try:
        with pytest.raises(Local) as caught:
            client.complete("m", HELLO, TOOLS, "k", Deadline.after(5))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.code == "out-of-descriptors"
    assert server.seen == []


def test_in_process_with_respx(kit: Any) -> None:
    """The transport is httpcore, which respx answers for."""
    client = client_for("anthropic", {"api": "anthropic-messages", "baseUrl": "https://api.test/"})
    whole = b"".join(kit.anthropic.frames("hello", None))
    with respx.mock(using="httpcore") as mock:
        route = mock.post("https://api.test/v1/messages").mock(
            return_value=httpx.Response(200, content=whole)
        )
        assert client.complete("m", HELLO, TOOLS, "k", Deadline.after(5)).text == "hello"
        route.mock(return_value=httpx.Response(529))
        with pytest.raises(Retryable):
            client.complete("m", HELLO, TOOLS, "k", Deadline.after(5))
    assert route.call_count == 2
