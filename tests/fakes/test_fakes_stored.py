"""Clients that come back to an answer by its name: to go on from it, fetch it, delete it, end the work on it."""

import asyncio
import json

import pytest

from fakes.script import (
    Broken,
    Cut,
    Match,
    Parts,
    Reply,
    Rule,
    Script,
    Status,
    StreamError,
    Text,
    ToolCall,
)
from fakes.stored import _KEPT, _LONGEST

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


# What is not stored


@pytest.fixture
def asking(serve, talk):
    """Runs a coroutine with what asks a server with this script: method, path and body give status and body."""

    def run(script, body):
        def asker(served):
            async def ask(method, path, asked=None):
                sent = b"" if asked is None else json.dumps(asked).encode()
                head = (
                    f"{method} {path} HTTP/1.1\r\nhost: f\r\nconnection: close\r\ncontent-length: {len(sent)}\r\n\r\n"
                )
                raw, _ = await talk(served.fakes.port, head.encode() + sent)
                opening, _, content = raw.partition(b"\r\n\r\n")
                plain = b"transfer-encoding" not in opening and content[:1] == b"{"
                return int(opening[9:12]), json.loads(content) if plain else content

            return ask

        return serve(script, lambda served: body(served, asker(served)))

    return run


def everything(*replies: Reply) -> Script:
    return Script((Rule("all", Match(), replies),))


def asked(**more):
    return {"model": "m", "input": "[[lane0]] go", **more}


def sequence(stream: bytes) -> list[int]:
    """The sequence numbers of a stream's events."""
    lines = [line for line in stream.splitlines() if line.startswith(b"data: ")]
    return [json.loads(line.removeprefix(b"data: "))["sequence_number"] for line in lines]


@pytest.mark.parametrize("name", ["resp_1", "resp_" + "9" * 32, "resp_" + "٣" * 32, "ü/../x", "1" * 9999, "\ud800"])
def test_nobody_goes_on_from_what_was_never_answered(asking, name):
    async def body(_, ask):
        status, answer = await ask("POST", "/v1/responses", asked(previous_response_id=name))
        assert (status, answer["error"]["code"]) == (400, "previous_response_not_found")
        assert answer["error"]["param"] == "previous_response_id"

    events = asking(everything(Text("x")), body)
    assert [event.rule for event in events if type(event).__name__ == "RequestReceived"] == [""]


@pytest.mark.parametrize(
    ("reply", "more"),
    [
        (Text("x"), {"store": False}),
        (Text("x"), {"store": False, "stream": True}),
        (StreamError("server_error"), {"stream": True}),
    ],
)
def test_what_is_not_to_be_stored_or_has_failed_is_not_there_later(asking, reply, more):
    async def body(_, ask):
        status, answer = await ask("POST", "/v1/responses", asked(**more))
        name = answer["id"] if isinstance(answer, dict) else f"resp_{1:032d}"
        assert status == 200
        missing = f"Response with id '{name}' not found."
        for method, path in (("GET", ""), ("GET", "?stream=true"), ("DELETE", ""), ("POST", "/cancel")):
            status, answer = await ask(method, f"/v1/responses/{name}{path}")
            assert (status, answer["error"]) == (
                404,
                {"message": missing, "type": "invalid_request_error", "param": None, "code": None},
            )
        status, answer = await ask("POST", "/v1/responses", asked(previous_response_id=name))
        assert (status, answer["error"]["code"]) == (400, "previous_response_not_found")

    asking(everything(reply), body)


def test_the_oldest_go_first_and_little_is_kept_of_each(asking):
    async def body(served, ask):
        names = []
        for _ in range(_KEPT + 1):
            status, answer = await ask("POST", "/v1/responses", asked(input="[[lane0]] " + "x" * 2 * _LONGEST))
            assert status == 200
            names.append(answer["id"])
        found = [(await ask("GET", f"/v1/responses/{name}"))[0] for name in (names[0], names[1], names[-1])]
        assert found == [404, 200, 200]
        for length in (_LONGEST, 2 * _LONGEST):
            script = Script((Rule("long", Match(contains="x" * (length - 10)), (Text("y"),)),))
            served.fakes.set_script(script)
            output = [{"type": "function_call_output", "call_id": "c", "output": "ok"}]
            status, _ = await ask("POST", "/v1/responses", asked(input=output, previous_response_id=names[-1]))
            assert status == (200 if length == _LONGEST else 404)

    asking(everything(Text("x")), body)


# What is


@pytest.mark.parametrize(
    "reply",
    [Text("hello", chunks=3), ToolCall("exec", {"n": 1}, text="so"), Parts((Text("cut"),), stop="length")],
)
@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_it_is_fetched_as_it_was_said(asking, reply, background, stream):
    async def body(_, ask):
        _, first = await ask("POST", "/v1/responses", asked(background=background, stream=stream))
        name = f"resp_{1:032d}"
        status, fetched = await ask("GET", f"/v1/responses/{name}")
        assert (status, fetched["id"], fetched["background"]) == (200, name, background)
        stop = "incomplete" if isinstance(reply, Parts) else "completed"
        assert fetched["status"] == stop
        _, events = await ask("GET", f"/v1/responses/{name}?stream=true")
        numbers = sequence(events)
        assert numbers == list(range(len(numbers)))
        assert json.loads(events.rpartition(b"data: ")[2])["response"] == fetched
        _, rest = await ask("GET", f"/v1/responses/{name}?stream=true&starting_after=2")
        assert rest
        assert events.endswith(rest)
        assert sequence(rest) == numbers[3:]
        assert (sequence(first) == numbers) if stream else (background or first == fetched)

    asking(everything(reply), body)


def test_a_stream_that_broke_is_gone_on_with(asking):
    async def body(_, ask):
        _, broken = await ask("POST", "/v1/responses", asked(stream=True, background=True))
        heard = sequence(broken)
        path = f"/v1/responses/resp_{1:032d}?stream=true"
        whole, rest = [(await ask("GET", path + after))[1] for after in ("", f"&starting_after={heard[-1]}")]
        assert [*heard, *sequence(rest)] == sequence(whole)
        assert len(heard) == 4 < len(sequence(whole))

    asking(everything(Broken(answer=Text("hello", chunks=3), cut=Cut("frame", 4, "fin"))), body)


@pytest.mark.parametrize("after", ["x", "-2", "1" * 30, "%D9%A3"])
def test_a_place_in_a_stream_that_is_none_is_refused(asking, after):
    async def body(_, ask):
        _, answer = await ask("POST", "/v1/responses", asked())
        status, answer = await ask("GET", f"/v1/responses/{answer['id']}?stream=true&starting_after={after}")
        assert (status, answer["error"]["param"]) == (400, "starting_after")

    asking(everything(Text("x")), body)


def test_what_is_deleted_is_gone(asking):
    async def body(_, ask):
        _, answer = await ask("POST", "/v1/responses", asked())
        path = f"/v1/responses/{answer['id']}"
        gone = {"id": answer["id"], "object": "response", "deleted": True}
        assert await ask("DELETE", path) == (200, gone)
        assert [(await ask(method, path))[0] for method in ("GET", "DELETE")] == [404, 404]

    asking(everything(Text("x")), body)


def test_other_methods_and_other_paths_are_refused(asking):
    async def body(_, ask):
        _, answer = await ask("POST", "/v1/responses", asked())
        path = f"/v1/responses/{answer['id']}"
        tried = [("PUT", path), ("POST", path), ("GET", path + "/cancel"), ("GET", path + "/input_items")]
        assert [(await ask(*one))[0] for one in tried] == [405, 405, 405, 404]

    asking(everything(Text("x")), body)


# In the background


def test_work_in_the_background_waits_at_its_gate_and_nobody_with_it(asking):
    async def body(served, ask):
        status, queued = await ask("POST", "/v1/responses", asked(background=True))
        assert (status, queued["status"], queued["output"]) == (200, "queued", [])
        path = f"/v1/responses/{queued['id']}"
        assert served.fakes.held == {"work": 1}
        assert (await ask("GET", path))[1]["status"] == "in_progress"
        stream = asyncio.create_task(ask("GET", path + "?stream=true"))
        await served.until("RequestReceived", 3)
        assert not stream.done()
        served.fakes.release("work", 1)
        done = (await ask("GET", path))[1]
        assert (done["status"], done["output"][0]["content"][0]["text"]) == ("completed", "built")
        assert json.loads((await stream)[1].rpartition(b"data: ")[2])["response"] == done

    events = asking(everything(Text("built", gate="work", first=3000.0)), body)
    assert [event.gate for event in events if type(event).__name__ == "ReplyHeld"] == ["work"]


def test_a_gate_that_is_open_holds_no_work(asking):
    async def body(served, ask):
        served.fakes.release("work")
        _, queued = await ask("POST", "/v1/responses", asked(background=True))
        done = (await ask("GET", f"/v1/responses/{queued['id']}"))[1]
        assert (queued["status"], done["status"]) == ("queued", "completed")

    asking(everything(Text("built", gate="work")), body)


def test_work_that_is_cancelled_says_nothing_any_more(asking):
    async def body(served, ask):
        _, queued = await ask("POST", "/v1/responses", asked(background=True))
        path = f"/v1/responses/{queued['id']}"
        stream = asyncio.create_task(ask("GET", path + "?stream=true"))
        await served.until("RequestReceived", 2)
        for _ in range(2):  # the second time it is cancelled already
            status, answer = await ask("POST", path + "/cancel")
            assert (status, answer["status"], answer["output"]) == (200, "cancelled", [])
        assert sequence((await stream)[1]) == [0, 1, 2]
        assert served.fakes.held == {}
        assert served.fakes.release("work") == 0
        assert (await ask("GET", path))[1]["status"] == "cancelled"

    asking(everything(Text("built", gate="work")), body)


def test_only_work_in_the_background_is_cancelled_and_what_is_over_stays(asking):
    async def body(_, ask):
        _, plain = await ask("POST", "/v1/responses", asked())
        status, answer = await ask("POST", f"/v1/responses/{plain['id']}/cancel")
        assert (status, answer["error"]["message"]) == (400, "Cannot cancel a synchronous response.")
        _, queued = await ask("POST", "/v1/responses", asked(background=True))
        status, answer = await ask("POST", f"/v1/responses/{queued['id']}/cancel")
        assert (status, answer["status"]) == (200, "completed")

    asking(everything(Text("x")), body)


def test_deleted_work_ends_and_who_waits_for_it_is_told(asking):
    async def body(served, ask):
        _, queued = await ask("POST", "/v1/responses", asked(background=True))
        path = f"/v1/responses/{queued['id']}"
        stream = asyncio.create_task(ask("GET", path + "?stream=true"))
        await served.until("RequestReceived", 2)
        assert (await ask("DELETE", path))[0] == 200
        assert (await stream)[0] == 404
        assert served.fakes.held == {}

    asking(everything(Text("built", gate="work")), body)


def test_work_ends_with_the_server_and_with_a_client_that_has_gone(asking):
    async def body(served, ask):
        _, queued = await ask("POST", "/v1/responses", asked(background=True))
        stream = asyncio.create_task(ask("GET", f"/v1/responses/{queued['id']}?stream=true"))
        await served.until("RequestReceived", 2)
        stream.cancel()
        await served.until("ReplySent", 2)
        assert served.of("ReplySent")[-1].outcome == "client-gone"
        served.fakes.release("work")
        await ask("POST", "/v1/responses", asked(background=True, input="another"))
        kept.append(served.fakes)

    kept = []
    asking(Script((Rule("a", Match(), (Text("x", gate="work"), Text("y", gate="other"))),)), body)
    assert kept[0].held == {}


def test_a_failure_is_told_at_once_and_work_that_is_not_stored_is_refused(asking):
    async def body(_, ask):
        assert (await ask("POST", "/v1/responses", asked(background=True)))[0] == 503
        status, answer = await ask("POST", "/v1/responses", asked(background=True, store=False))
        assert (status, answer["error"]["param"]) == (400, "background")

    asking(everything(Status(503)), body)
