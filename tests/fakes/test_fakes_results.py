"""What a request tells of tools: equal where a model cannot tell results apart, and in the order of their calls."""

import json
from dataclasses import replace

import pytest

from fakes.providers.results import Results, results_in
from fakes.wire.http import HttpRequest


def asked(*entries) -> HttpRequest:
    body = json.dumps({"messages": list(entries)}).encode()
    return HttpRequest(
        method="POST", path="/", query="", host="h", headers={}, body=body, version="1.1", keep_alive=True, peer_port=1,
        upgrade=False,
    )  # fmt: skip


class Anthropic:
    def call(self, name):
        return {"role": "assistant", "content": [{"type": "tool_use", "id": name, "name": "exec", "input": {}}]}

    def result(self, name, said, failed=False):
        block = {"type": "tool_result", "tool_use_id": name, "content": said, **({"is_error": True} if failed else {})}
        return {"role": "user", "content": [block]}


class Chat:
    def call(self, name):
        return {"role": "assistant", "tool_calls": [{"id": name, "function": {"name": "exec", "arguments": "{}"}}]}

    def result(self, name, said, failed=False):
        return {"role": "tool", "tool_call_id": name, "content": f"{said}{' [failed]' * failed}"}


class Responses:
    def call(self, name):
        return {"type": "function_call", "id": f"fc_{name}", "call_id": name, "name": "exec", "arguments": "{}"}

    def result(self, name, said, failed=False):
        return {"type": "function_call_output", "call_id": name, "output": f"{said}{failed}"}


class Gemini:
    def call(self, name):
        return {"role": "model", "parts": [{"functionCall": {"id": name, "name": "exec", "args": {}}}]}

    def result(self, name, said, failed=False):
        response = {"output": said, "ok": not failed}
        return {"role": "user", "parts": [{"functionResponse": {"id": name, "name": "exec", "response": response}}]}


@pytest.fixture(params=[Anthropic, Chat, Responses, Gemini])
def words(request):
    return request.param()


def test_results_are_told_apart_by_what_they_say(words):
    said = (words.result("a", "x"), words.result("b", "x"), words.result("c", "y"), words.result("d", "x", failed=True))
    first, same, other, failed = results_in(asked(*said)).digests
    assert first == same
    assert len({first, other, failed}) == 3


def test_results_come_in_the_order_of_their_calls(words):
    calls = [words.call(name) for name in "abc"]
    late = [words.result(name, f"said [[of-{name}]]") for name in "cab"]
    assert results_in(asked(*calls, *late)).markers == ("of-a", "of-b", "of-c")
    assert results_in(asked(*late)).markers == ("of-c", "of-a", "of-b")
    assert results_in(asked(*calls, words.result("b", "nothing"))).markers == ("",)


def test_texts_are_no_results():
    assert results_in(asked({"role": "user", "content": "a tool_result of mine"}, {"role": "assistant"})) == Results()
    assert results_in(asked({"role": "user", "content": "hi"})) == Results()


@pytest.mark.parametrize(
    ("body", "offered"),
    [
        ({"messages": []}, 0),
        ({"tools": []}, 0),
        ({"tools": [{"name": "exec"}, {"type": "web_search"}]}, 2),
        ({"tools": [{"functionDeclarations": [{"name": "exec"}, {"name": "read"}]}, {"googleSearch": {}}]}, 3),
        ({"request": {"tools": [{"function_declarations": [{"name": "exec"}]}]}}, 1),
        ({"tools": "none", "messages": []}, 0),
        ({"messages": [{"role": "user", "content": '"tools"'}]}, 0),
    ],
)
def test_tools_are_counted_in_each_providers_words(body, offered):
    request = asked()
    assert results_in(replace(request, body=json.dumps(body).encode())).tools == offered
