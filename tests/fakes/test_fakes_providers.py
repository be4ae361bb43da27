"""Wire formats without sockets: where a turn stands, what is refused, and what frames say."""

import json

import pytest

from fakes.providers.anthropic import AnthropicFormat
from fakes.providers.base import BadRequest, pieces
from fakes.providers.chat import ChatFormat
from fakes.providers.codex import CodexFormat
from fakes.providers.gemini import GeminiFormat, model_and_method
from fakes.script import Status, Text, ToolCall
from fakes.wire.http import HttpRequest


def request(path: str, body, query: str = "") -> HttpRequest:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpRequest(
        method="POST",
        path=path,
        query=query,
        host="localhost",
        headers={},
        body=data,
        version="1.1",
        keep_alive=True,
        peer_port=1,
        upgrade=False,
    )


def anthropic(messages, **more):
    body = {"model": "m", "max_tokens": 5, "messages": messages, **more}
    return AnthropicFormat().parse(request("/v1/messages", body))


def gemini(contents):
    path = "/v1beta/models/m:generateContent"
    return GeminiFormat().parse(request(path, {"contents": contents}))


def codex(given, **more):
    return CodexFormat().parse(request("/v1/responses", {"model": "m", "input": given, **more}))


def result(name="t"):
    return {"type": "tool_result", "tool_use_id": name, "content": "done"}


def call(*names):
    uses = [{"type": "tool_use", "id": name, "name": "exec", "input": {}} for name in names or ("t",)]
    return {"role": "assistant", "content": uses}


def user(*blocks):
    return {
        "role": "user",
        "content": [{"type": "text", "text": b} if isinstance(b, str) else b for b in blocks],
    }


@pytest.mark.parametrize(
    ("messages", "marker", "step"),
    [
        ([{"role": "user", "content": "[Wed 2026-11-22 10:00 UTC] [[lane0]] go"}], "lane0", 0),
        ([user("plain")], "", 0),
        ([user("[[a]]"), {"role": "assistant", "content": "ok"}, user("[[b]]")], "b", 0),
        ([user("[[a]]"), {"role": "assistant", "content": "ok"}, user("none")], "a", 0),
        ([user("[[a]] [[b]]")], "b", 0),
        ([user("[[a]]"), call(), user(result())], "a", 1),
        ([user("[[a]]"), call(), user(result()), call("u"), user(result("u"))], "a", 2),
        ([user("[[a]]"), call("t", "u"), user(result("t"), result("u"))], "a", 2),
        ([user("[[a]]"), call(), user(result()), user("[[b]]")], "b", 0),
        ([user("[[a]]"), call(), user(result(), "[[b]] merged")], "b", 0),
        ([user("[[a]]"), call(), user(result(), "<system-reminder>[[x]]</system-reminder>")], "a", 1),
        ([user("<system-reminder>[[x]]</system-reminder>", "[[a]]")], "a", 0),
        ([user("first part", "[[a]]")], "a", 0),
    ],
)
def test_where_an_anthropic_turn_stands(messages, marker, step):
    turn = anthropic(messages).turn
    assert (turn.marker, turn.step) == (marker, step)


def test_what_a_client_adds_by_itself_is_known_by_its_beginning():
    told = f"<system-reminder>lane1 has done it{' well' * 100}</system-reminder>"
    assert anthropic([user("[[a]]"), call(), user(result(), told)]).turn.added == (told[:300],)
    assert anthropic([user("[[a]]")]).turn.added == ()


ANSWER = {"functionResponse": {"name": "exec", "response": {"ok": True}}}
ASKED = {"parts": [{"text": "[[a]]"}]}


def calls(count=1):
    return {"role": "model", "parts": [{"functionCall": {"name": "exec", "args": {}}}] * count}


@pytest.mark.parametrize(
    ("contents", "marker", "step"),
    [
        ([{"parts": [{"text": "[[a]]"}]}], "a", 0),
        ([ASKED, calls(), {"role": "user", "parts": [ANSWER]}], "a", 1),
        ([ASKED, calls(2), {"role": "function", "parts": [ANSWER, ANSWER]}], "a", 2),
        ([ASKED, calls(2), {"role": "user", "parts": [ANSWER]}, {"role": "user", "parts": [ANSWER]}], "a", 2),
        ([ASKED, calls(), {"parts": [{"function_response": {"name": "x"}}]}], "a", 1),
        ([{"parts": [{"text": "[[a]]"}]}, {"role": "model", "parts": [{"text": "[[m]]"}]}], "a", 0),
        ([ASKED, calls(), {"parts": [ANSWER]}, {"parts": [{"text": "[[b]]"}]}], "b", 0),
    ],
)
def test_where_a_gemini_turn_stands(contents, marker, step):
    turn = gemini(contents).turn
    assert (turn.marker, turn.step) == (marker, step)


def said(text):
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "ok"}
CALL = {"type": "function_call", "call_id": "c", "name": "exec", "arguments": "{}"}


@pytest.mark.parametrize(
    ("given", "marker", "step"),
    [
        ("[[a]] go", "a", 0),
        ([said("<environment_context>[[x]]</environment_context>"), said("[[a]]")], "a", 0),
        ([{"role": "user", "content": "[[a]]"}], "a", 0),
        ([said("[[a]]"), CALL, OUTPUT], "a", 1),
        ([said("[[a]]"), CALL, OUTPUT, {"type": "reasoning", "summary": []}, CALL, OUTPUT], "a", 2),
        ([said("[[a]]"), CALL, {"type": "custom_tool_call_output", "call_id": "c", "output": ""}], "a", 1),
        ([said("[[a]]"), {"type": "message", "role": "assistant", "content": []}, said("[[b]]")], "b", 0),
    ],
)
def test_where_a_responses_turn_stands(given, marker, step):
    turn = codex(given).turn
    assert (turn.marker, turn.step) == (marker, step)


USER = [{"role": "user", "content": "x"}]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"max_tokens": 1, "messages": USER}, "model"),
        ({"model": "m", "messages": USER}, "max_tokens"),
        ({"model": "m", "max_tokens": 1}, "messages"),
        ({"model": "m", "max_tokens": -1, "messages": USER}, "max_tokens"),
        ({"model": "m", "max_tokens": True, "messages": USER}, "max_tokens"),
        ({"model": 5, "max_tokens": 1, "messages": USER}, "model"),
        ({"model": "m", "max_tokens": 1, "messages": []}, "messages"),
        ({"model": "m", "max_tokens": 1, "messages": "x"}, "messages"),
        ({"model": "m", "max_tokens": 1, "messages": ["x"]}, "messages.0"),
        ({"model": "m", "max_tokens": 1, "messages": [{"role": "x", "content": ""}]}, "messages.0.role"),
        ({"model": "m", "max_tokens": 1, "messages": [{"role": "user"}]}, "messages.0.content"),
        ({"model": "m", "max_tokens": 1, "messages": [user({"type": "text"})]}, "messages.0.content.0.text"),
        (
            {"model": "m", "max_tokens": 1, "messages": [user({"type": "tool_result"})]},
            "messages.0.content.0.tool_use_id",
        ),
        ({"model": "m", "max_tokens": 1, "messages": USER, "stream": "yes"}, "stream"),
        ([], ""),
        (b"{", ""),
        (b"\xff\xfe", ""),
        (b"[" * 100_000, ""),
    ],
)
def test_what_anthropic_refuses(body, param):
    with pytest.raises(BadRequest) as caught:
        AnthropicFormat().parse(request("/v1/messages", body))
    assert caught.value.param == param


@pytest.mark.parametrize(
    "more",
    [
        {"stream": True},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"output_config": {"format": {"type": "json_schema", "schema": {}}}},
        {"tools": [{"name": "exec", "input_schema": {}}], "tool_choice": {"type": "any"}},
        {"tools": [{"name": "exec", "input_schema": {}}], "tool_choice": {"type": "tool", "name": "exec"}},
    ],
)
def test_a_cache_is_warmed_up_without_a_word_on_the_answer(more):
    with pytest.raises(BadRequest) as caught:
        anthropic(USER, max_tokens=0, **more)
    assert caught.value.param == "max_tokens"
    assert anthropic(USER, max_tokens=0).warms_up
    assert not anthropic(USER).warms_up


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/responses", {"input": "x"}, "model"),
        ("/v1/responses", {"model": "m"}, "input"),
        ("/v1/responses", {"model": "m", "input": []}, "input"),
        ("/v1/responses", {"model": "m", "input": [3]}, "input[0]"),
        ("/v1/responses", {"model": "m", "input": "x", "stream": 1}, "stream"),
        ("/backend-api/codex/responses", {"model": "m", "input": "x", "store": False}, "stream"),
        ("/backend-api/codex/responses", {"model": "m", "input": "x", "stream": True}, "store"),
    ],
)
def test_what_responses_refuses(path, body, param):
    with pytest.raises(BadRequest) as caught:
        CodexFormat().parse(request(path, body))
    assert caught.value.param == param


@pytest.mark.parametrize(
    "body", [{}, {"contents": []}, {"contents": "x"}, {"contents": [{"role": "x"}]}, {"contents": [{}]}]
)
def test_what_gemini_refuses(body):
    with pytest.raises(BadRequest):
        GeminiFormat().parse(request("/v1/models/m:generateContent", body))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/v1beta/models/g:generateContent", ("g", "generateContent")),
        ("/v1/models/models/g:streamGenerateContent", ("g", "streamGenerateContent")),
        ("/v1beta/tunedModels/t:generateContent", ("tunedModels/t", "generateContent")),
        ("/v1beta/models/g%3AgenerateContent", ("g", "generateContent")),
        ("/v1beta/models/:generateContent", None),
        ("/v1beta/models/g:countTokens", ("g", "countTokens")),
        ("/v1beta/models/g:embedContent", None),
        ("/v2/models/g:generateContent", None),
    ],
)
def test_gemini_paths(path, found):
    assert model_and_method(path) == found


def test_a_gemini_stream_without_sse_is_one_json_array():
    form = GeminiFormat()
    parsed = form.parse(request("/v1/models/m:streamGenerateContent", {"contents": [{"parts": [{"text": "x"}]}]}))
    wire = form.frames(Text("abc", chunks=3), parsed, 1)
    chunks = json.loads(b"".join(wire.frames))
    assert [c["candidates"][0]["content"]["parts"][0]["text"] for c in chunks] == ["a", "b", "c"]
    assert [c["candidates"][0].get("finishReason") for c in chunks] == [None, None, "STOP"]


def test_responses_frames_are_numbered_without_a_gap_and_the_tool_follows_the_text():
    parsed = codex("x", stream=True)
    frames = CodexFormat().frames(ToolCall("exec", {"n": 1}, text="I will"), parsed, 7).frames
    events = [json.loads(frame.split(b"data: ")[1]) for frame in frames]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    added = [event["output_index"] for event in events if event["type"] == "response.output_item.added"]
    assert added == [0, 1]
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["message", "function_call"]


@pytest.mark.parametrize("form", [AnthropicFormat(), GeminiFormat(), CodexFormat()])
def test_a_scripted_error_type_and_message_reach_the_body(form):
    reply = form.error(Status(418, error="TEAPOT", message="short and stout"))
    assert reply.status == 418
    text = reply.body.decode()
    assert "TEAPOT" in text
    assert "short and stout" in text


@pytest.mark.parametrize(
    ("text", "count", "parts"),
    [("abcdef", 3, ["ab", "cd", "ef"]), ("ab", 5, ["a", "b"]), ("", 3, [""]), ("abc", 1, ["abc"])],
)
def test_pieces(text, count, parts):
    assert pieces(text, count) == parts


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        (AnthropicFormat(), Status(500), "Internal server error"),
        (AnthropicFormat(), Status(529), "Overloaded"),
        (AnthropicFormat(), Status(500, error="overloaded_error"), "Overloaded"),
        (ChatFormat(), Status(429), "Rate limit reached"),
        (ChatFormat(), Status(429, error="insufficient_quota"), "You exceeded your current quota"),
        (CodexFormat(), Status(500), "The server had an error"),
        (CodexFormat(), Status(503), "overloaded"),
        (GeminiFormat(), Status(429), "You exceeded your current quota"),
        (GeminiFormat(), Status(500), "Internal error encountered."),
        (GeminiFormat(), Status(503), "The model is overloaded."),
        (AnthropicFormat(), Status(401), "invalid x-api-key"),
        (AnthropicFormat(), Status(413), "Request exceeds the maximum size"),
        (ChatFormat(), Status(401), "Incorrect API key provided"),
        (CodexFormat(), Status(400, error="context_length_exceeded"), "exceeds the context window"),
        (CodexFormat(), Status(404), "does not exist or you do not have access to it"),
        (GeminiFormat(), Status(400, error="API_KEY_INVALID"), "API key not valid. Please pass a valid API key."),
        (GeminiFormat(), Status(401), "invalid authentication credentials"),
        (GeminiFormat(), Status(403), "The caller does not have permission"),
        (CodexFormat(), Status(418), "The fake was told to answer 418."),
        (AnthropicFormat(), Status(500, message="mine"), "mine"),
    ],
)
def test_what_clients_tell_apart_by_words_has_the_words_of_its_provider(form, status, said):
    assert said in json.loads(form.error(status).body)["error"]["message"]


def test_a_key_that_google_does_not_know_is_a_bad_request_with_a_reason():
    error = json.loads(GeminiFormat().error(Status(400, error="API_KEY_INVALID")).body)["error"]
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert [detail["reason"] for detail in error["details"]] == ["API_KEY_INVALID"]
