"""Two tool results have one digest if, and only if, a model cannot tell them apart."""

import json

import pytest

from fakes.providers.results import results_in
from fakes.wire.http import HttpRequest


def asked(*entries) -> HttpRequest:
    body = json.dumps({"messages": list(entries)}).encode()
    return HttpRequest(
        method="POST", path="/", query="", host="h", headers={}, body=body, version="1.1", keep_alive=True, peer_port=1,
        upgrade=False,
    )  # fmt: skip


def anthropic(call, said, failed=False):
    block = {"type": "tool_result", "tool_use_id": call, "content": said, **({"is_error": True} if failed else {})}
    return {"role": "user", "content": [block]}


def chat(call, said, failed=False):
    return {"role": "tool", "tool_call_id": call, "content": f"{said}{' [failed]' * failed}"}


def responses(call, said, failed=False):
    return {"type": "function_call_output", "call_id": call, "output": f"{said}{failed}"}


def gemini(call, said, failed=False):
    response = {"output": said, "ok": not failed}
    return {"role": "user", "parts": [{"functionResponse": {"id": call, "name": "exec", "response": response}}]}


@pytest.mark.parametrize("result", [anthropic, chat, responses, gemini])
def test_results_are_told_apart_by_what_they_say(result):
    first, same, other, failed = results_in(
        asked(result("a", "x"), result("b", "x"), result("c", "y"), result("d", "x", failed=True))
    )
    assert first == same
    assert len({first, other, failed}) == 3


def test_texts_are_no_results():
    assert results_in(asked({"role": "user", "content": "a tool_result of mine"}, {"role": "assistant"})) == ()
    assert results_in(asked({"role": "user", "content": "hi"})) == ()
