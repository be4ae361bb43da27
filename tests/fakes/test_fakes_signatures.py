"""Gemini 3 signs its tool calls, and goes on from none that comes back without its signature."""

import json
from typing import Any

import pytest

from fakes.answers import Parts, Text, ToolCall
from fakes.providers.base import BadRequest, ParsedRequest, is_signature, turn_of
from fakes.providers.code_assist import CodeAssistFormat
from fakes.providers.gemini import GeminiFormat
from fakes.wire.http import HttpRequest

FORMS = [GeminiFormat(), CodeAssistFormat()]
TWO_CALLS = Parts((Text("on it"), ToolCall("exec", {"n": 1}), ToolCall("exec", {"n": 2})))
SENTINEL = "skip_thought_signature_validator"
USER = {"role": "user", "parts": [{"text": "go"}]}
RESULT = {"role": "user", "parts": [{"functionResponse": {"name": "exec", "response": {"output": "done"}}}]}


def parts_of(form: Any, model: str, *, stream: bool = False) -> list[dict[str, Any]]:
    parsed = ParsedRequest(model=model, stream=stream, turn=turn_of([(0, "go")]), prompt_size=9, sse=stream)
    bodies = [json.loads(frame.removeprefix(b"data: ")) for frame in form.frames(TWO_CALLS, parsed, 1).frames]
    inner = [body.get("response", body) for body in bodies]
    return [part for body in inner for part in body["candidates"][0]["content"].get("parts", [])]


def called(signature: str | None, name: str = "exec") -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {"name": name, "args": {}}}
    return {"role": "model", "parts": [part if signature is None else {**part, "thoughtSignature": signature}]}


def read(form: Any, model: str, *contents: dict[str, Any]) -> ParsedRequest:
    body: dict[str, Any] = {"contents": list(contents)}
    path = f"/v1beta/models/{model}:generateContent"
    if isinstance(form, CodeAssistFormat):
        body, path = {"model": model, "request": body}, "/v1internal:generateContent"
    request = HttpRequest(
        method="POST", path=path, query="", host="localhost", headers={}, body=json.dumps(body).encode(),
        version="1.1", keep_alive=True, peer_port=1, upgrade=False,
    )  # fmt: skip
    return form.parse(request)


def refused(form: Any, model: str, *contents: dict[str, Any]) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        read(form, model, *contents)
    return caught.value


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.provider)
def test_first_call_of_an_answer_is_signed(form: Any, stream: bool) -> None:
    text, first, second = parts_of(form, "gemini-3-pro-preview", stream=stream)
    assert is_signature(first["thoughtSignature"])
    assert "thoughtSignature" not in text | second
    earlier = parts_of(form, "gemini-2.5-pro", stream=stream)
    assert not any("thoughtSignature" in part for part in earlier)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.provider)
def test_signed_calls_pass(form: Any) -> None:
    [_, first, _] = parts_of(form, "gemini-3-pro-preview")
    signature = first["thoughtSignature"]
    for model in ("gemini-3-pro-preview", "gemini-12-flash"):
        for word in (signature, SENTINEL, "context_engineering_is_the_way_to_go"):
            assert read(form, model, USER, called(word), RESULT).turn.step == 1
    url_safe = signature.replace("+", "-").replace("/", "_")
    assert read(form, "gemini-3-pro-preview", USER, called(url_safe), RESULT).turn.step == 1


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.provider)
def test_unsigned_call_is_refused_by_name_and_place(form: Any) -> None:
    error = refused(form, "gemini-3-pro-preview", USER, called(SENTINEL), RESULT, called(None, "read"), RESULT)
    assert error.param.endswith("contents[3].parts[0]")
    assert "missing a thought_signature" in error.message
    assert "`default_api:read` , position 4" in error.message


@pytest.mark.parametrize("signature", ["s", "ZmFrZQ==", "?", "🙂"])
def test_signature_that_is_none_is_corrupted(signature: str) -> None:
    assert "Corrupted" in refused(FORMS[0], "gemini-3-pro-preview", USER, called(signature), RESULT).message


def test_what_was_before_the_user_said_something_is_not_looked_at() -> None:
    before = (USER, called(None), RESULT)
    assert read(FORMS[0], "gemini-3-pro-preview", *before, USER).turn.step == 0
    assert refused(FORMS[0], "gemini-3-pro-preview", *before, USER, called(None), RESULT)


def test_models_that_do_not_sign_want_nothing_back() -> None:
    for model in ("gemini-2.5-pro", "m", "gemini-pro"):
        assert read(FORMS[0], model, USER, called(None), RESULT).turn.step == 1
