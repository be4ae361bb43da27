"""What each provider refuses: the field that is named, the code, the shape of the answer, and never a crash."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.providers.anthropic import AnthropicFormat
from fakes.providers.base import BadRequest
from fakes.providers.chat import ChatFormat
from fakes.providers.code_assist import CodeAssistFormat
from fakes.providers.codex import CodexFormat
from fakes.providers.gemini import GeminiFormat
from fakes.questions import refusal
from fakes.script import Script
from fakes.wire.http import HttpRequest


def request(path: str, body: Any) -> HttpRequest:
    path, _, query = path.partition("?")
    return HttpRequest(
        method="POST",
        path=path,
        query=query,
        host="localhost",
        headers={},
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        version="1.1",
        keep_alive=True,
        peer_port=1,
        upgrade=False,
    )


SCHEMA = {"type": "object", "properties": {}}
ANTHROPIC = {
    "model": "m",
    "max_tokens": 4000,
    "system": [{"type": "text", "text": "be brief"}],
    "temperature": 0.5,
    "thinking": {"type": "enabled", "budget_tokens": 2000},
    "tools": [{"name": "exec", "input_schema": SCHEMA}, {"type": "web_search_20250305", "name": "web_search"}],
    "tool_choice": {"type": "tool", "name": "exec"},
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image", "source": {}}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "tool_use", "id": "a", "name": "exec", "input": {}},
                {"type": "tool_use", "id": "b", "name": "exec", "input": {}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "b", "content": "2"}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "1"}]},
        {"role": "assistant", "content": "done"},
    ],
}
CHAT = {
    "model": "m",
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 2,
    "stop": ["a", "b"],
    "n": 1,
    "tools": [{"type": "function", "function": {"name": "exec", "parameters": SCHEMA}}],
    "tool_choice": "auto",
    "messages": [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "x"}}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "exec", "arguments": "{}"}},
                {"id": "b", "type": "function", "function": {"name": "exec", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "b", "content": "2"},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "assistant", "content": "done"},
    ],
}
RESPONSES = {
    "model": "m",
    "stream": True,
    "store": False,
    "temperature": 1.5,
    "max_output_tokens": 16,
    "tools": [{"type": "function", "name": "exec", "parameters": SCHEMA}, {"type": "web_search"}],
    "tool_choice": {"type": "function", "name": "exec"},
    "input": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "function_call", "call_id": "a", "name": "exec", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "b", "name": "patch", "input": "x"},
        {"type": "function_call_output", "call_id": "a", "output": "1"},
        {"type": "custom_tool_call_output", "call_id": "b", "output": "2"},
        {"type": "a_type_of_tomorrow", "anything": 1},
        {"role": "assistant", "content": "done"},
    ],
}
GEMINI = {
    "systemInstruction": {"parts": [{"text": "be brief"}]},
    "generationConfig": {"temperature": "0.5", "topK": 3, "maxOutputTokens": 100},
    "tools": [{"functionDeclarations": [{"name": "exec"}]}],
    "contents": [
        {"role": "user", "parts": [{"text": "hi"}, {"inlineData": {"mimeType": "image/png", "data": ""}}]},
        {
            "role": "model",
            "parts": [
                {"text": "hm", "thought": True},
                {"functionCall": {"name": "exec", "args": {}}, "thoughtSignature": "s"},
                {"function_call": {"name": "exec", "args": {}}},
            ],
        },
        {"role": "user", "parts": [{"functionResponse": {"name": "exec", "response": {}}}] * 2},
        {"role": "model", "parts": [{"text": "done"}]},
    ],
}
ASSIST = {"model": "models/m", "project": "p", "user_prompt_id": "1", "request": {**GEMINI, "session_id": "s"}}

CASES = {
    "anthropic": (AnthropicFormat(), "/v1/messages", ANTHROPIC),
    "chat": (ChatFormat(), "/v1/chat/completions", CHAT),
    "responses": (CodexFormat(), "/v1/responses", RESPONSES),
    "backend": (CodexFormat(), "/backend-api/codex/responses", RESPONSES),
    "gemini": (GeminiFormat(), "/v1beta/models/m:generateContent", GEMINI),
    "code-assist": (CodeAssistFormat(), "/v1internal:streamGenerateContent?alt=sse", ASSIST),
}


@pytest.mark.parametrize("name", CASES)
def test_a_rich_request_passes(name):
    form, path, body = CASES[name]
    parsed = form.parse(request(path, body))
    assert (parsed.model, parsed.turn.text, parsed.turn.step) == ("m", "hi", 2)


GONE = object()


def changed(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The body with another value at a path, or without it."""
    body = copy.deepcopy(body)
    inner = body
    for key in path[:-1]:
        inner = inner[key]
    if value is GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return body


def refused(name: str, path: tuple[Any, ...], value: Any) -> BadRequest:
    form, where, body = CASES[name]
    with pytest.raises(BadRequest) as caught:
        form.parse(request(where, changed(body, path, value)))
    return caught.value


@pytest.mark.parametrize(
    ("path", "value", "param", "words"),
    [
        (("max_tokens",), GONE, "max_tokens", "Field required"),
        (("max_tokens",), 1.5, "max_tokens", "valid integer"),
        (("temperature",), 1.1, "temperature", "less than or equal to 1"),
        (("temperature",), -0.1, "temperature", "greater than or equal to 0"),
        (("temperature",), "hot", "temperature", "valid number"),
        (("top_p",), 2, "top_p", "less than or equal to 1"),
        (("metadata",), [], "metadata", "object"),
        (("system", 0, "text"), GONE, "system.0.text", "Field required"),
        (("system",), 3, "system", "valid array"),
        (("thinking", "type"), "maybe", "thinking.type", "Input should be"),
        (("thinking", "budget_tokens"), 1023, "thinking.enabled.budget_tokens", "1024"),
        (("thinking", "budget_tokens"), 4000, "max_tokens", "must be greater than"),
        (("tools", 0, "input_schema"), GONE, "tools.0.input_schema", "Field required"),
        (("tools", 0, "name"), "web_search", "tools", "unique"),
        (("tools", 0), "exec", "tools.0", "object"),
        (("tool_choice", "name"), "other", "tool_choice.name", "not found"),
        (("tool_choice", "type"), "some", "tool_choice.type", "one of"),
        (("messages", 0, "role"), GONE, "messages.0.role", "Field required"),
        (("messages", 0, "role"), "robot", "messages.0.role", "Input should be"),
        (("messages", 0, "content"), "", "messages.0.content", "non-empty content"),
        (("messages", 0, "content"), 5, "messages.0.content", "valid array"),
        (("messages", 0, "content", 0, "text"), "", "messages.0.content.0.text", "non-empty"),
        (("messages", 0, "content", 0, "type"), "smell", "messages.0.content.0", "Input tag 'smell'"),
        (("messages", 1, "content", 0, "signature"), GONE, "messages.1.content.0.signature", "Field required"),
        (("messages", 1, "content", 1, "input"), "{}", "messages.1.content.1.input", "object"),
        (("messages", 1, "content", 1, "id"), "b", "messages.1.content.2.id", "must be unique"),
        (("messages", 1, "content", 1, "id"), "c", "messages.3.content.0.tool_use_id", "unexpected `tool_use_id`"),
        (("messages", 2, "content", 0, "tool_use_id"), "a", "messages.3.content.0.tool_use_id", "single result"),
        (("messages", 3), GONE, "messages.1", "`tool_use` ids were found without `tool_result` blocks"),
        (("messages", 1), GONE, "messages.1.content.0.tool_use_id", "unexpected `tool_use_id`"),
    ],
)
def test_what_anthropic_refuses(path, value, param, words):
    error = refused("anthropic", path, value)
    assert error.param == param
    assert words in error.message


@pytest.mark.parametrize(
    ("path", "value", "param", "code"),
    [
        (("model",), GONE, "model", "missing_required_parameter"),
        (("model",), "", "model", "missing_required_parameter"),
        (("model",), 3, "model", "invalid_type"),
        (("messages",), GONE, "messages", "missing_required_parameter"),
        (("messages",), "hi", "messages", "invalid_type"),
        (("messages",), [], "messages", "empty_array"),
        (("stream",), "yes", "stream", "invalid_type"),
        (("stream",), False, "stream_options", ""),
        (("temperature",), 2.1, "temperature", "decimal_above_max_value"),
        (("temperature",), -1, "temperature", "decimal_below_min_value"),
        (("n",), 2, "n", "integer_above_max_value"),
        (("max_completion_tokens",), 0, "max_completion_tokens", "integer_below_min_value"),
        (("stop",), list("abcde"), "stop", "array_above_max_length"),
        (("tools",), [], "tools", "empty_array"),
        (("tools",), GONE, "tool_choice", ""),
        (("tools", 0, "type"), "magic", "tools[0].type", "invalid_value"),
        (("tools", 0, "function", "name"), GONE, "tools[0].function.name", "missing_required_parameter"),
        (("tool_choice",), "perhaps", "tool_choice", "invalid_value"),
        (("messages", 0, "role"), "robot", "messages[0].role", "invalid_value"),
        (("messages", 0), "hi", "messages[0]", "invalid_type"),
        (("messages", 0, "content"), None, "messages[0].content", "invalid_type"),
        (("messages", 1, "content", 0, "type"), "smell", "messages[1].content[0].type", "invalid_value"),
        (("messages", 1, "content", 0, "text"), GONE, "messages[1].content[0].text", "missing_required_parameter"),
        (("messages", 2, "tool_calls"), [], "messages[2].tool_calls", "empty_array"),
        (("messages", 2, "tool_calls", 0, "id"), GONE, "messages[2].tool_calls[0].id", "missing_required_parameter"),
        (
            ("messages", 2, "tool_calls", 0, "function", "arguments"),
            {},
            "messages[2].tool_calls[0].function.arguments",
            "invalid_type",
        ),
        (("messages", 3, "tool_call_id"), GONE, "messages[3].tool_call_id", "missing_required_parameter"),
        (("messages", 3, "tool_call_id"), "z", "messages[3].role", ""),
        (("messages", 2), GONE, "messages[2].role", ""),
        (("messages", 4), GONE, "messages[4].role", ""),
    ],
)
def test_what_chat_completions_refuses(path, value, param, code):
    error = refused("chat", path, value)
    assert (error.param, error.code) == (param, code)


@pytest.mark.parametrize(
    ("path", "value", "param", "code"),
    [
        (("model",), GONE, "model", "missing_required_parameter"),
        (("input",), GONE, "input", "missing_required_parameter"),
        (("input",), [], "input", "empty_array"),
        (("input",), {}, "input", "invalid_type"),
        (("temperature",), 2.5, "temperature", "decimal_above_max_value"),
        (("max_output_tokens",), 15, "max_output_tokens", "integer_below_min_value"),
        (("tools", 0, "name"), GONE, "tools[0].name", "missing_required_parameter"),
        (("tool_choice",), 5, "tool_choice", "invalid_type"),
        (("input", 0, "role"), "robot", "input[0].role", "invalid_value"),
        (("input", 0, "type"), 5, "input[0].type", "invalid_type"),
        (("input", 0, "content"), GONE, "input[0].content", "missing_required_parameter"),
        (("input", 0, "content", 0, "type"), "text_input", "input[0].content[0].type", "invalid_value"),
        (("input", 2, "arguments"), {}, "input[2].arguments", "invalid_type"),
        (("input", 4, "output"), GONE, "input[4].output", "missing_required_parameter"),
        (("input", 2), GONE, "input", ""),
        (("input", 4), GONE, "input", ""),
    ],
)
def test_what_responses_refuses(path, value, param, code):
    error = refused("responses", path, value)
    assert (error.param, error.code) == (param, code)


def test_a_call_may_stand_in_a_response_that_was_stored():
    body = changed(RESPONSES, ("input", 2), GONE) | {"previous_response_id": "resp_1"}
    assert CodexFormat().parse(request("/v1/responses", body)).turn.step == 2


@pytest.mark.parametrize(("path", "value"), [(("stream",), False), (("store",), GONE)])
def test_the_chatgpt_backend_words_its_own_refusals(path, value):
    error = refused("backend", path, value)
    reply = refusal(error, CodexFormat(), 1)
    assert reply.status == 400
    assert json.loads(reply.body) == {"detail": error.message}
    assert path[0].capitalize() in error.message


@pytest.mark.parametrize(
    ("path", "value", "field", "words"),
    [
        (("contents",), GONE, "contents", "contents is not specified"),
        (("contents",), "hi", "contents", "Invalid value at 'contents'"),
        (("flavour",), 1, "flavour", 'Unknown name "flavour"'),
        (("generationConfig", "temperature"), 2.1, "generation_config.temperature", "[0.0, 2.0]"),
        (("generationConfig", "temperature"), "hot", "generation_config.temperature", "TYPE_FLOAT"),
        (("generationConfig", "topK"), 1.5, "generation_config.top_k", "TYPE_INT32"),
        (("generationConfig", "maxOutputTokens"), 0, "generation_config.max_output_tokens", "positive"),
        (("contents", 0, "role"), "robot", "contents[0].role", "valid role"),
        (("contents", 0, "parts"), [], "contents[0].parts", "must not be empty"),
        (("contents", 0, "parts", 0), {}, "contents[0].parts[0].data", "oneof field 'data'"),
        (("contents", 0, "parts", 0, "text"), 5, "contents[0].parts[0].text", "TYPE_STRING"),
        (("contents", 0, "parts", 1, "text"), "and", "contents[0].parts[1].inline_data", "already set"),
        (("contents", 1, "parts", 1, "functionCall", "name"), GONE, "contents[1].parts[1].function_call.name", "empty"),
        (("contents", 1, "parts", 1), GONE, "contents[2]", "number of function response parts"),
        (("contents", 1), GONE, "contents[1]", "immediately after a function call turn"),
        (("contents", 2), {"parts": [{"text": "never mind"}]}, "contents[2]", "number of function response parts"),
    ],
)
def test_what_gemini_and_code_assist_refuse(path, value, field, words):
    error = refused("gemini", path, value)
    assert error.param == field
    assert words in error.message
    inner = refused("code-assist", ("request", *path), value)
    assert words.split(" at ")[0] in inner.message


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("model",), GONE, "model"),
        (("model",), 5, "model"),
        (("request",), GONE, "request"),
        (("request",), [], "request"),
        (("flavour",), 1, "flavour"),
    ],
)
def test_what_code_assist_refuses_in_its_envelope(path, value, field):
    assert refused("code-assist", path, value).param == field


ERRORS = {
    "anthropic": lambda body: body["type"] == "error" and body["error"]["type"] == "invalid_request_error",
    "chat": lambda body: set(body["error"]) == {"message", "type", "param", "code"},
    "responses": lambda body: set(body["error"]) == {"message", "type", "param", "code"},
    "backend": lambda body: set(body) == {"detail"} or set(body["error"]) == {"message", "type", "param", "code"},
    "gemini": lambda body: (body["error"]["code"], body["error"]["status"]) == (400, "INVALID_ARGUMENT"),
    "code-assist": lambda body: body[0]["error"]["status"] == "INVALID_ARGUMENT",
}
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
WORDS = st.sampled_from(
    ["user", "assistant", "model", "tool", "text", "type", "content", "function", "a", "b", "1e999"]
)
VALUES = st.recursive(
    PLAIN | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path in a body."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_is_sent_is_read_or_refused_in_the_providers_shape(name, data):
    form, where, body = CASES[name]
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(body)))
        value = data.draw(VALUES | st.just(GONE)) if path else data.draw(VALUES)
        body = changed(body, path, value) if path else value
    asked = request(where, json.dumps(body).replace("Infinity", "1e999").encode())
    form.peek(asked)
    try:
        parsed = form.parse(asked)
    except BadRequest as error:
        reply = refusal(error, form, 7)
        assert reply.status == 400
        assert ERRORS[name](json.loads(reply.body))
    else:
        assert parsed.model


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"null",
        b"\xff\xfe",
        b'{"model": NaN}',
        b"[" * 100_000,
        b"9" * 5000,
        b'{"a":' * 900,
        '{"model": "m"}'.encode("utf-16"),
        '{"model": "m"}'.encode("utf-32-le"),
        b'{"model": "\xed\xa0\x80"}',
    ],
    ids=lambda body: repr(body[:8]),
)
def test_bodies_that_are_not_json_objects(name, body):
    form, where, _ = CASES[name]
    with pytest.raises(BadRequest, match="JSON") as caught:
        form.parse(request(where, body))
    assert ERRORS[name](json.loads(refusal(caught.value, form, 7).body))


@pytest.mark.parametrize("depth", [300, 480, 600, 900])
@pytest.mark.parametrize("name", CASES)
def test_deeply_nested_values_in_every_place(name, depth):
    form, where, body = CASES[name]
    deep = b"[" * depth + b"]" * depth
    for path in places(body)[1:]:
        text = json.dumps(changed(body, path, "@deep@")).encode()
        assert len(said(form, request(where, text.replace(b'"@deep@"', deep)))) < 10_000


def said(form, asked: HttpRequest) -> str:
    """What a request is refused with, "" when it is not."""
    try:
        form.parse(asked)
    except BadRequest as error:
        return error.message
    return ""


def test_a_refusal_and_its_journal_over_the_wire(serve, talk, post):
    async def body(served):
        for name, (_, path, good) in CASES.items():
            first = next(iter(places(good)[1:]))
            bad = changed(good, first, 5) if name != "code-assist" else {"model": "m"}
            raw, _ = await talk(served.fakes.port, post(path, bad, "connection: close"))
            head, _, answer = raw.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 400 "), name
            assert ERRORS[name](json.loads(answer))

    events = serve(Script(strict=False), body)
    sent = [event for event in events if type(event).__name__ == "ReplySent"]
    assert [(event.status, event.reply) for event in sent] == [(400, "invalid")] * len(CASES)
