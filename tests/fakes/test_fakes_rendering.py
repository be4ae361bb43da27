"""Kept renderings: identifiers differ between exchanges, everything else is as the format would give it."""

import json

import pytest

from fakes.providers.anthropic import AnthropicFormat
from fakes.providers.base import ParsedRequest, Turn
from fakes.providers.codex import CodexFormat
from fakes.providers.gemini import GeminiFormat
from fakes.providers.rendering import rendered
from fakes.script import Text, ToolCall

FORMS = [AnthropicFormat(), GeminiFormat(), CodexFormat()]


def asked(stream: bool, model: str = "m") -> ParsedRequest:
    turn = Turn(text="", marker="", step=0)
    return ParsedRequest(model=model, stream=stream, turn=turn, prompt_size=40)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.provider)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("answer", [Text("hello", chunks=3), ToolCall("exec", {"a": 1}, text="so"), Text("x" * 20_000)])
def test_a_kept_rendering_equals_a_fresh_one(form, stream, answer, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1000.5)
    for exchange in (1, 2, 12345):
        fresh = form.frames(answer, asked(stream), exchange)
        assert rendered(form, answer, asked(stream), exchange) == fresh


def test_answers_that_differ_only_in_arguments_do_not_share_a_rendering():
    form = AnthropicFormat()
    for number in (1, 2):
        body = json.loads(rendered(form, ToolCall("exec", {"n": number}), asked(False), 1).frames[0])
        assert body["content"][0]["input"] == {"n": number}


def test_models_do_not_share_a_rendering():
    for model in ("one", "two"):
        body = json.loads(rendered(CodexFormat(), Text("x"), asked(False, model), 1).frames[0])
        assert body["model"] == model


def test_arguments_that_json_tells_apart_but_python_does_not():
    form = AnthropicFormat()
    found = [
        rendered(form, ToolCall("exec", {"n": value}), asked(False), 1).frames[0].partition(b'"input":')[2][:9]
        for value in (1, True, 1.0)
    ]
    assert len(set(found)) == 3
