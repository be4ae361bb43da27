"""Gates: replies wait, go on in order, and latecomers find them open or shut as told."""

import asyncio

from fakes.gates import Gates
from fakes.script import Match, Rule, Script, Status, Text

CLOSE = "connection: close"


def test_a_gate_releases_the_oldest_first_and_stays_shut_when_counted():
    gates, went = Gates(), []
    for name in "abc":
        gates.hold("g", lambda name=name: went.append(name))
    assert gates.held == {"g": 3}
    assert gates.release("g", 1) == 1
    assert (went, gates.held, gates.is_open("g")) == (["a"], {"g": 2}, False)
    assert gates.release("g") == 2
    assert (went, gates.held, gates.is_open("g")) == (["a", "b", "c"], {}, True)
    gates.shut("g")
    assert not gates.is_open("g")


def test_who_left_is_not_called_back():
    gates, went = Gates(), []
    ticket = gates.hold("g", lambda: went.append(1))
    gates.leave(ticket)
    gates.leave(ticket)
    assert (gates.release("g"), went) == (0, [])


def test_waiting_for_a_number_of_held_exchanges():
    async def run():
        gates = Gates()
        waiting = asyncio.ensure_future(gates.wait_held("g", 2))
        await asyncio.sleep(0)
        gates.hold("g", lambda: None)
        await asyncio.sleep(0)
        assert not waiting.done()
        gates.hold("g", lambda: None)
        await asyncio.wait_for(waiting, 1)
        await gates.wait_held("g", 1)

    asyncio.run(run())


def test_replies_wait_at_their_gate_whatever_their_kind(serve, post, ask):
    script = Script(
        (
            Rule("text", Match(marker="text"), (Text("x", gate="g"),)),
            Rule("status", Match(marker="status"), (Status(529, gate="g"),)),
        )
    )

    async def one(served, marker):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        writer.write(post(*ask("anthropic", f"[[{marker}]]"), CLOSE))
        raw = await reader.read()
        writer.close()
        return raw[:12]

    async def body(served):
        tasks = [asyncio.ensure_future(one(served, marker)) for marker in ("text", "status")]
        await served.fakes.wait_held("g", 2)
        assert not served.of("ReplySent")
        assert served.fakes.release("g") == 2
        assert await asyncio.gather(*tasks) == [b"HTTP/1.1 200", b"HTTP/1.1 529"]
        assert await one(served, "text") == b"HTTP/1.1 200"
        served.fakes.set_script(script)
        task = asyncio.ensure_future(one(served, "text"))
        await served.fakes.wait_held("g", 1)
        served.fakes.release("g")
        assert await task == b"HTTP/1.1 200"

    events = serve(script, body)
    held = [event.exchange for event in events if type(event).__name__ == "ReplyHeld"]
    assert held == [1, 2, 4]
