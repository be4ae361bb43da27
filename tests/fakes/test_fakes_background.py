"""Responses that are worked out in the background: queued, in progress while a gate is shut, done or cancelled."""

import asyncio
import json

import pytest

from fakes.script import Match, Reply, Rule, Script, Status, Text

RESPONSES = "/v1/responses"
BACKGROUND = {"model": "m", "input": "go", "background": True}
BUILT = Text("built", gate="work", first=3000.0)  # seconds: nobody waits for the first word of what is only queued


def playing(*replies: Reply) -> Script:
    return Script((Rule("all", Match(), replies),))


@pytest.fixture
def begun(asking):
    """Runs a coroutine with a client, the server, and the path of work that waits at its gate."""

    def run(body):
        async def begin(client, served):
            queued = (await client.post(RESPONSES, json=BACKGROUND)).json()
            assert (queued["status"], queued["output"], served.fakes.held) == ("queued", [], {"work": 1})
            await body(client, served, f"{RESPONSES}/{queued['id']}")

        return asking(playing(BUILT, Text("more", gate="other")), begin)

    return run


async def streaming(client, served, path):
    """A client that fetches the stream, which the server has heard of."""
    stream = asyncio.create_task(client.get(path, params={"stream": "true"}))
    await served.until("RequestReceived", 2)
    assert not stream.done()
    return stream


def last_event(stream):
    return json.loads(stream.text.rpartition("data: ")[2])


def test_work_waits_at_its_gate_and_nobody_with_it(begun):
    async def body(client, served, path):
        stream = await streaming(client, served, path)
        assert (await client.get(path)).json()["status"] == "in_progress"
        served.fakes.release("work", 1)
        done = (await client.get(path)).json()
        assert (done["status"], done["output"][0]["content"][0]["text"]) == ("completed", "built")
        assert last_event(await stream)["response"] == done

    events = begun(body)
    assert [event.gate for event in events if type(event).__name__ == "ReplyHeld"] == ["work"]


def test_a_gate_that_is_open_holds_no_work(asking):
    async def body(client, served):
        served.fakes.release("work")
        queued = (await client.post(RESPONSES, json=BACKGROUND)).json()
        done = (await client.get(f"{RESPONSES}/{queued['id']}")).json()
        assert (queued["status"], done["status"]) == ("queued", "completed")

    asking(playing(BUILT), body)


def test_work_that_is_cancelled_says_nothing_any_more(begun):
    async def body(client, served, path):
        stream = await streaming(client, served, path)
        for _ in range(2):  # the second time it is cancelled already
            cancelled = (await client.post(path + "/cancel")).json()
            assert (cancelled["status"], cancelled["output"]) == ("cancelled", [])
        assert last_event(await stream)["type"] == "response.in_progress"
        assert served.fakes.held == {}
        assert served.fakes.release("work") == 0
        assert (await client.get(path)).json()["status"] == "cancelled"

    begun(body)


def test_only_work_in_the_background_is_cancelled_and_what_is_over_stays(asking):
    async def body(client, _):
        plain = (await client.post(RESPONSES, json={**BACKGROUND, "background": False})).json()
        refused = await client.post(f"{RESPONSES}/{plain['id']}/cancel")
        message = "Cannot cancel a synchronous response."
        assert (refused.status_code, refused.json()["error"]["message"]) == (400, message)
        queued = (await client.post(RESPONSES, json=BACKGROUND)).json()
        cancelled = await client.post(f"{RESPONSES}/{queued['id']}/cancel")
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "completed")

    asking(Script(strict=False), body)


def test_deleted_work_ends_and_who_waits_for_it_is_told(begun):
    async def body(client, served, path):
        stream = await streaming(client, served, path)
        assert (await client.delete(path)).status_code == 200
        assert (await stream).status_code == 404
        assert served.fakes.held == {}

    begun(body)


def test_work_goes_on_without_a_client_and_ends_with_the_server(begun):
    async def body(client, served, path):
        (await streaming(client, served, path)).cancel()
        await served.until("ReplySent", 2)
        assert served.of("ReplySent")[-1].outcome == "client-gone"
        served.fakes.release("work")
        assert (await client.get(path)).json()["status"] == "completed"
        await client.post(RESPONSES, json=BACKGROUND)
        assert served.fakes.held == {"other": 1}
        closed.append(served.fakes)

    closed = []
    begun(body)
    assert closed[0].held == {}


def test_a_failure_is_told_at_once_and_work_that_is_not_stored_is_refused(asking):
    async def body(client, _):
        assert (await client.post(RESPONSES, json=BACKGROUND)).status_code == 503
        refused = await client.post(RESPONSES, json={**BACKGROUND, "store": False})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "background")

    asking(playing(Status(503)), body)
