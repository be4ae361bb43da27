"""Clients that go on from an answer by its name: what a script sees of the turn before."""

import json

import pytest

from fakes.script import Match, Rule, Script, Text, ToolCall

SCRIPT = Script(
    (
        Rule("calls", Match(marker="lane0", turn_step=0), (ToolCall("exec", {}),)),
        Rule("answers", Match(marker="lane0", turn_step=1, contains="build it"), (Text("built"),)),
        Rule("goes on", Match(marker="lane0", turn_step=2), (Text("done"),)),
        Rule("others", Match(), (Text("who are you?"),)),
    )
)


def given(call: str) -> list[dict[str, str]]:
    return [{"type": "function_call_output", "call_id": call, "output": "ok"}]


@pytest.fixture
def said(serve, talk, post):
    """The rules that answer a series of requests, each made of the response before it (None at first)."""

    def run(*makes):
        async def body(served):
            response = None
            for make in makes:
                raw, _ = await talk(served.fakes.port, post("/v1/responses", make(response), "connection: close"))
                text = raw.partition(b"\r\n\r\n")[2]
                assert raw.startswith(b"HTTP/1.1 200 "), raw
                if b"event: response.completed" in text:
                    response = json.loads(text.rpartition(b"data: ")[2].splitlines()[0])["response"]
                elif text.startswith(b"{"):
                    response = json.loads(text)

        events = serve(SCRIPT, body)
        return [event.rule for event in events if type(event).__name__ == "RequestReceived"]

    return run


def first(_):
    return {"model": "m", "input": "[[lane0]] build it"}


def output(response):
    results = given(response["output"][-1].get("call_id", "call_1"))
    return {"model": "m", "input": results, "previous_response_id": response["id"]}


def test_a_tools_result_belongs_to_the_turn_that_it_goes_on_from(said):
    assert said(first, output, output) == ["calls", "answers", "goes on"]


def test_so_it_does_where_all_is_streamed(said):
    def streamed(make):
        return lambda response: {**make(response), "stream": True}

    # The first answer ends with a call, which is in response.completed as well.
    assert said(streamed(first), streamed(output)) == ["calls", "answers"]


def test_a_users_next_word_begins_a_turn_of_the_same_conversation(said):
    def next_word(response):
        return {"model": "m", "input": "and now?", "previous_response_id": response["id"]}

    def of_another(response):
        return {"model": "m", "input": "[[lane1]] and now?", "previous_response_id": response["id"]}

    assert said(first, output, next_word) == ["calls", "answers", "calls"]
    assert said(first, output, of_another) == ["calls", "answers", "others"]


@pytest.mark.parametrize("name", ["resp_1", "resp_" + "9" * 32, "resp_" + "٣" * 32, "ü/../x", "1" * 9999, "\ud800"])
def test_nobody_goes_on_from_what_was_never_answered(serve, talk, post, name):
    async def body(served):
        asked = post("/v1/responses", {**first(None), "previous_response_id": name}, "connection: close")
        head, _, content = (await talk(served.fakes.port, asked))[0].partition(b"\r\n\r\n")
        error = json.loads(content)["error"]
        assert (head[9:12], error["code"]) == (b"400", "previous_response_not_found")
        assert error["param"] == "previous_response_id"

    events = serve(SCRIPT, body)
    assert [event.rule for event in events if type(event).__name__ == "RequestReceived"] == [""]
