"""The three wire formats over real sockets: whole answers, and every way not to get one."""

from __future__ import annotations

import base64
import json
import socket
import time
from typing import Any

import pytest

from reference.deadline import Deadline
from reference.errors import Auth, Local, OrchestratorError, Retryable, Stopped
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


def test_oauth_tokens_are_sent_as_such(wire: Any, server: Any) -> None:
    server.on(wire.path, wire.reply())
    ask(wire, server, auth="oauth")
    assert server.seen[0].headers["authorization"] == "Bearer sk-secret"
    assert not {"x-api-key", "x-goog-api-key"} & set(server.seen[0].headers)


def test_blank_text_is_not_sent_back(kit: Any, server: Any) -> None:
    """Anthropic refuses it, also where its own model has said it."""
    server.on(kit.anthropic.path, kit.anthropic.reply())
    said = [Message(role="user", text="one"), Message(role="assistant", text=" \n"), Message(role="user", text="two")]
    ask(kit.anthropic, server, said)
    assert [block["text"] for message in server.seen[0].json["messages"] for block in message["content"]] == [
        "one",
        "two",
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


GEMINI_3 = "gemini-3-pro-preview"


def said_to_gemini(kit: Any, server: Any, model: str, calls: tuple[ToolCall, ...]) -> tuple[Reply, list[Any]]:
    """What a model answers, and the call parts that it was sent."""
    path = f"/v1beta/models/{model}:streamGenerateContent"
    parts = [{"functionCall": {"name": "exec", "args": {"n": n}}} for n in (1, 2)]
    parts[0]["thoughtSignature"] = "c2lnbmVk"
    server.on(path, kit.stream(kit.data_only({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]})))
    client = client_for("gemini", kit.gemini.config(server))
    results = [Message(role="tool", text="done", tool_call_id=call.id) for call in calls]
    messages = [*HELLO, Message(role="assistant", tool_calls=calls), *results] if calls else HELLO
    reply = client.complete(model, messages, TOOLS, "sk-secret", Deadline.after(10))
    contents = server.seen[-1].json["contents"]
    return reply, [part for content in contents for part in content["parts"] if "functionCall" in part]


def test_signature_of_a_call_goes_back_to_the_model_that_gave_it(kit: Any, server: Any) -> None:
    """Gemini 3 refuses to go on from a call without it, and can make nothing of another model's."""
    reply, _ = said_to_gemini(kit, server, GEMINI_3, ())
    assert [(call.signature, call.signed_by) for call in reply.tool_calls] == [("c2lnbmVk", GEMINI_3), ("", "")]
    _, [first, second] = said_to_gemini(kit, server, GEMINI_3, reply.tool_calls)
    assert first["thoughtSignature"] == "c2lnbmVk"
    assert "thoughtSignature" not in second
    _, [first, second] = said_to_gemini(kit, server, "gemini-3-flash-preview", reply.tool_calls)
    assert first["thoughtSignature"] == "skip_thought_signature_validator"
    assert "thoughtSignature" not in second
    _, found = said_to_gemini(kit, server, "gemini-2.5-pro", reply.tool_calls)
    assert not any("thoughtSignature" in part for part in found)


def test_call_of_another_provider_is_marked_as_unsigned(kit: Any, server: Any) -> None:
    calls = (ToolCall(id="toolu_1", name="exec", arguments={}), ToolCall(id="toolu_2", name="exec", arguments={}))
    _, [first, second] = said_to_gemini(kit, server, GEMINI_3, calls)
    assert first["thoughtSignature"] == "skip_thought_signature_validator"
    assert "thoughtSignature" not in second


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


@pytest.mark.parametrize("body", [b"", b"<html></html>", b'{"ok": true}', b"data: {oops\n\n", b"data: [1]\n\n"])
def test_success_that_is_no_stream(wire: Any, server: Any, kit: Any, body: bytes) -> None:
    server.on(wire.path, kit.answer(200, body))
    error = failure(wire, server)
    assert isinstance(error, Retryable)
    assert error.code in ("truncated", "malformed-stream")


@pytest.mark.parametrize("index", [[], {}, "0", None])
def test_block_with_an_odd_index(kit: Any, server: Any, index: object) -> None:
    block = {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": "hello"}}
    server.on("/v1/messages", kit.stream(*frames(block, {"type": "message_stop"})))
    assert ask(kit.anthropic, server).text == "hello"


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_arguments_that_could_not_be_sent_back(kit: Any, server: Any, number: str) -> None:
    """What the transcript has is sent with every later turn, and a provider refuses what is no JSON."""
    block = {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "tool_use", "id": "t", "name": "exec"},
    }
    delta = {"type": "input_json_delta", "partial_json": f'{{"timeout": {number}}}'}
    more = {"type": "content_block_delta", "index": 0, "delta": delta}
    server.on("/v1/messages", kit.stream(*frames(block, more, {"type": "message_stop"})))
    assert failure(kit.anthropic, server).code == "malformed-stream"


def frames(*events: dict[str, Any]) -> list[bytes]:
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


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
        {"baseUrl": "https://me:secret@localhost"},
        {"baseUrl": "http://localhost/v1?version=2"},
        {"baseUrl": "http://localhost/v1#all"},
        {"baseUrl": "http://a..b"},
        {"baseUrl": "http://" + "a" * 64},
        {"idleSeconds": 1e10},
        {"idleSeconds": 10**400},
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
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))  # 0 to 2 are taken; others' threads may free any above
    try:
        with pytest.raises(Local) as caught:
            client.complete("m", HELLO, TOOLS, "k", Deadline.after(5))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.code == "out-of-descriptors"
    assert server.seen == []
