"""Clients that come back for an answer of Responses by its name: what is there, how it is told, and what is not."""

import json
from contextlib import suppress

import httpx
import pytest

from fakes.script import Broken, Cut, Match, Parts, Rule, Script, StreamError, Text, ToolCall
from fakes.stored import _KEPT, _LONGEST

RESPONSES = "/v1/responses"
FIRST = f"resp_{1:032d}"
ANSWERS = [Text("hello", chunks=3), ToolCall("exec", {"n": 1}, text="so"), Parts((Text("cut"),), stop="length")]


def asked(**more):
    return {"model": "m", "input": "[[lane0]] go", **more}


def sequence(stream):
    """The sequence numbers of a stream's events."""
    lines = [line for line in stream.splitlines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: "))["sequence_number"] for line in lines]


@pytest.mark.parametrize(
    ("reply", "more"),
    [
        (Text("x"), {"store": False}),
        (Text("x"), {"store": False, "stream": True}),
        (StreamError("server_error"), {"stream": True}),
    ],
)
def test_what_is_not_to_be_stored_or_has_failed_is_not_there_later(asking, reply, more):
    async def body(client, _):
        assert (await client.post(RESPONSES, json=asked(**more))).status_code == 200
        message = f"Response with id '{FIRST}' not found."
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        for method, path in (("GET", ""), ("GET", "?stream=true"), ("DELETE", ""), ("POST", "/cancel")):
            reply = await client.request(method, f"{RESPONSES}/{FIRST}{path}")
            assert (reply.status_code, reply.json()) == (404, {"error": error})
        reply = await client.post(RESPONSES, json=asked(previous_response_id=FIRST))
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "previous_response_not_found")

    asking(Script((Rule("all", Match(), (reply,)),)), body)


def test_the_oldest_go_first_and_little_is_kept_of_each(asking):
    async def body(client, served):
        names = [
            (await client.post(RESPONSES, json=asked(input="x" * 2 * _LONGEST))).json()["id"] for _ in range(_KEPT + 1)
        ]
        found = [(await client.get(f"{RESPONSES}/{name}")).status_code for name in (names[0], names[1], names[-1])]
        assert found == [404, 200, 200]
        output = [{"type": "function_call_output", "call_id": "c", "output": "ok"}]
        for length, status in ((_LONGEST, 200), (_LONGEST + 1, 404)):
            served.fakes.set_script(Script((Rule("long", Match(contains="x" * length), (Text("y"),)),)))
            reply = await client.post(RESPONSES, json=asked(input=output, previous_response_id=names[-1]))
            assert reply.status_code == status

    asking(Script((Rule("all", Match(), (Text("x"),)),)), body)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_it_is_fetched_as_it_was_said(asking, answer, background, stream):
    async def body(client, _):
        first = await client.post(RESPONSES, json=asked(background=background, stream=stream))
        path = f"{RESPONSES}/{FIRST}"
        fetched = (await client.get(path)).json()
        assert (fetched["id"], fetched["background"]) == (FIRST, background)
        assert fetched["status"] == ("incomplete" if isinstance(answer, Parts) else "completed")
        events = (await client.get(path + "?stream=true")).text
        numbers = sequence(events)
        assert numbers == list(range(len(numbers)))
        assert json.loads(events.rpartition("data: ")[2])["response"] == fetched
        rest = (await client.get(path + "?stream=true&starting_after=2")).text
        assert events.endswith(rest)
        assert sequence(rest) == numbers[3:] != []
        assert (first.text == events) if stream else (background or first.json() == fetched)

    asking(Script((Rule("all", Match(), (answer,)),)), body)


async def until_it_breaks(client, body):
    """What comes of a stream that breaks off."""
    heard = ""
    async with client.stream("POST", RESPONSES, json=body) as reply:
        with suppress(httpx.RemoteProtocolError):
            async for text in reply.aiter_text():
                heard += text
            pytest.fail("it did not break off")
    return heard


def test_a_stream_that_broke_is_gone_on_with(asking):
    async def body(client, _):
        heard = sequence(await until_it_breaks(client, asked(stream=True, background=True)))
        path = f"{RESPONSES}/{FIRST}?stream=true"
        whole, rest = [(await client.get(path + after)).text for after in ("", f"&starting_after={heard[-1]}")]
        assert [*heard, *sequence(rest)] == sequence(whole)
        assert len(heard) == 4 < len(sequence(whole))

    asking(Script((Rule("all", Match(), (Broken(answer=ANSWERS[0], cut=Cut("frame", 4, "fin")),)),)), body)


@pytest.mark.parametrize("after", ["x", "-2", "1" * 30, "٣"])
def test_a_place_in_a_stream_that_is_none_is_refused(asking, after):
    async def body(client, _):
        await client.post(RESPONSES, json=asked())
        reply = await client.get(f"{RESPONSES}/{FIRST}", params={"stream": "true", "starting_after": after})
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "starting_after")

    asking(Script(strict=False), body)


def test_what_is_deleted_is_gone(asking):
    async def body(client, _):
        await client.post(RESPONSES, json=asked())
        path = f"{RESPONSES}/{FIRST}"
        assert (await client.delete(path)).json() == {"id": FIRST, "object": "response", "deleted": True}
        assert [(await client.request(method, path)).status_code for method in ("GET", "DELETE")] == [404, 404]

    asking(Script(strict=False), body)


def test_other_methods_and_other_paths_are_refused(asking):
    async def body(client, _):
        await client.post(RESPONSES, json=asked())
        path = f"{RESPONSES}/{FIRST}"
        tried = [("PUT", path), ("POST", path), ("GET", path + "/cancel"), ("GET", path + "/input_items")]
        assert [(await client.request(*one)).status_code for one in tried] == [405, 405, 405, 404]

    asking(Script(strict=False), body)
