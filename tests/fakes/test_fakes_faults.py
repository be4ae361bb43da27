"""Scripted faults, byte by byte, over raw sockets on both event loops."""

import asyncio
import json
import time

import pytest

from fakes.script import Match, Reset, Rule, Script, Stall, Status, StreamError, Text, ToolCall, Truncate
from tests.fakes.reading import drained

PROVIDERS = ("anthropic", "gemini", "codex")
CLOSE = "connection: close"
LONG = "x" * 9_000_000  # more than the kernel takes at once


@pytest.fixture
def serve(serve_on_both):
    """Transports differ between the event loops, so all of this runs on both."""
    return serve_on_both


def one(reply) -> Script:
    return Script((Rule("only", Match(), (reply,)),))


def body_of(raw: bytes) -> bytes:
    return raw.partition(b"\r\n\r\n")[2]


def unchunked(raw: bytes) -> tuple[bytes, bool]:
    """The payload of a chunked body and whether its last chunk came."""
    payload, rest = b"", body_of(raw)
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return payload, True
        payload, rest = payload + rest[:length], rest[length + 2 :]
    return payload, False


async def whole_stream(served, talk, post, ask, provider) -> bytes:
    path, body = ask(provider, stream=True)
    raw, end = await talk(served.fakes.port, post(path, body, CLOSE))
    assert end == "fin"
    payload, ended = unchunked(raw)
    assert ended
    return payload


@pytest.mark.parametrize("provider", PROVIDERS)
def test_reset_before_any_byte(serve, talk, post, ask, provider):
    async def body(served):
        raw, end = await talk(served.fakes.port, post(*ask(provider)))
        assert (raw, end) == (b"", "reset")

    events = serve(one(Reset()), body)
    assert (events[-1].outcome, events[-1].status, events[-1].bytes) == ("reset", 0, 0)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("fault", "end"), [(Reset, "reset"), (Truncate, "fin")])
def test_cut_after_frames(serve, talk, post, ask, provider, fault, end):
    answer = Text("one two three four", chunks=4)

    async def body(served):
        whole = await whole_stream(served, talk, post, ask, provider)
        served.fakes.set_script(one(fault(after_frames=2, answer=answer)))
        raw, ended = await talk(served.fakes.port, post(*ask(provider, stream=True)))
        payload, complete = unchunked(raw)
        assert ended == end
        assert not complete
        assert payload.count(b"\n\n") == 2
        assert len(payload) < len(whole)

    events = serve(one(answer), body)
    last = events[-1]
    assert (last.outcome, last.frames) == ("reset" if fault is Reset else "truncated", 2)
    assert (last.status, last.reply) == (200, fault.__name__.lower())


@pytest.mark.parametrize("fault", [Reset, Truncate])
@pytest.mark.parametrize("offset", [0, 1, 37, 500])
def test_cut_after_bytes_is_exact(serve, talk, post, ask, fault, offset):
    answer = Text("one two three four", chunks=4)

    async def body(served):
        await talk(served.fakes.port, post(*ask("anthropic", stream=True), CLOSE))
        served.fakes.set_script(one(fault(after_bytes=offset, answer=answer)))
        raw, _ = await talk(served.fakes.port, post(*ask("anthropic", stream=True)))
        assert raw.startswith(b"HTTP/1.1 200 ")
        payload, complete = unchunked(raw)
        assert (len(payload), complete) == (offset, False)

    serve(one(answer), body)


@pytest.mark.parametrize("stream", [False, True])
def test_a_cut_beyond_the_end_still_cuts(serve, talk, post, ask, stream):
    async def body(served):
        raw, end = await talk(served.fakes.port, post(*ask("codex", stream=stream)))
        assert end == "fin"
        assert b"response.completed" not in raw
        assert not raw.endswith((b"}", b"0\r\n\r\n"))

    events = serve(one(Truncate(after_frames=10_000)), body)
    assert events[-1].outcome == "truncated"


def test_a_terminated_truncation_is_good_http_without_its_end(serve, talk, post, ask):
    async def body(served):
        raw, end = await talk(served.fakes.port, post(*ask("anthropic", stream=True)))
        payload, complete = unchunked(raw)
        assert (end, complete, payload.count(b"\n\n")) == ("fin", True, 3)
        assert b"message_stop" not in payload

    serve(one(Truncate(after_frames=3, terminated=True)), body)


def test_a_body_without_frames_is_cut_in_its_middle(serve, talk, post, ask):
    async def body(served):
        raw, end = await talk(served.fakes.port, post(*ask("gemini")))
        head, _, rest = raw.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        assert end == "fin"
        assert 0 < len(rest) < length

    events = serve(one(Truncate(after_frames=1)), body)
    assert (events[-1].frames, events[-1].outcome) == (0, "truncated")


def test_stall_sends_nothing_until_released_then_drops(serve, post, ask):
    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        writer.write(post(*ask("anthropic")))
        await served.fakes.wait_held("stall", 1)
        assert served.fakes.held == {"stall": 1}
        assert served.fakes.release("stall") == 1
        assert await reader.read() == b""
        writer.close()

    events = serve(one(Stall()), body)
    assert [type(event).__name__ for event in events] == ["RequestReceived", "ReplyHeld", "ReplySent"]
    assert (events[-1].outcome, events[-1].status) == ("held-then-dropped", 0)


def test_stall_in_mid_stream_sends_its_frames_first(serve, post, ask):
    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        writer.write(post(*ask("anthropic", stream=True)))
        await served.fakes.wait_held("here", 1)
        raw = await reader.readuntil(b'content_block_start"')
        assert b"message_start" in raw
        served.fakes.release("here")
        rest = await reader.read()
        assert b"content_block_delta" not in raw + rest
        writer.close()

    events = serve(one(Stall(after_frames=2, gate="here")), body)
    assert (events[-1].outcome, events[-1].frames) == ("held-then-dropped", 2)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_a_stall_is_recorded(serve, post, ask, stream):
    async def body(served):
        _, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        writer.write(post(*ask("codex", stream=stream)))
        await served.fakes.wait_held("stall", 1)
        writer.close()
        await served.until("ReplySent")
        assert served.fakes.held == {}

    events = serve(one(Stall()), body)
    assert events[-1].outcome == "client-gone"


def test_a_client_that_leaves_a_paced_stream_is_recorded(serve, post, ask):
    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        writer.write(post(*ask("codex", stream=True)))
        await reader.readuntil(b"response.created")
        writer.transport.abort()
        await served.until("ReplySent")

    events = serve(one(Text("a" * 50, chunks=50, pace=0.05)), body)
    assert events[-1].outcome == "client-gone"
    assert 0 < events[-1].frames < 50


def test_paced_frames_keep_their_distance_and_end_whole(serve, talk, post, ask):
    pace, frames = 0.01, 6

    async def body(served):
        start = time.monotonic()
        raw, _ = await talk(served.fakes.port, post(*ask("gemini", stream=True), CLOSE))
        assert time.monotonic() - start >= pace * (frames - 1)
        payload, complete = unchunked(raw)
        assert (payload.count(b"\n\n"), complete) == (frames, True)

    events = serve(one(Text("abcdef", chunks=frames, pace=pace)), body)
    assert (events[-1].outcome, events[-1].frames) == ("complete", frames)


@pytest.mark.parametrize(
    ("provider", "sign"),
    [
        ("anthropic", b"event: error"),
        ("gemini", b'"RESOURCE_EXHAUSTED"'),
        ("codex", b"event: response.failed"),
    ],
)
def test_a_stream_reports_an_error_after_it_began(serve, talk, post, ask, provider, sign):
    async def body(served):
        raw, end = await talk(served.fakes.port, post(*ask(provider, stream=True), CLOSE))
        payload, complete = unchunked(raw)
        assert (end, complete) == ("fin", True)
        assert sign in payload.split(b"\n\n")[1]
        assert b"RESOURCE_EXHAUSTED" in payload

    serve(one(StreamError("RESOURCE_EXHAUSTED", after_frames=1)), body)


def test_close_drops_held_and_paced_exchanges(serve, post, ask):
    async def body(served):
        writers = []
        for text in ("[[held]]", "[[paced]]"):
            _, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
            writer.write(post(*ask("codex", text, stream=True)))
            writers.append(writer)
        await served.fakes.wait_held("stall", 1)
        await served.until("RequestReceived", 2)
        await served.fakes.close()
        outcomes = {event.reply: event.outcome for event in served.of("ReplySent")}
        assert outcomes == {"stall": "held-then-dropped", "text": "truncated"}
        for writer in writers:
            writer.close()

    rules = (
        Rule("held", Match(marker="held"), (Stall(),)),
        Rule("paced", Match(marker="paced"), (Text("abc", chunks=3, pace=30.0),)),
    )
    serve(Script(rules), body)


def test_a_reset_does_not_lose_the_frames_before_it_when_the_client_reads_late(serve, post, ask):
    text = "x" * 9_000_000

    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port, limit=1024)
        writer.write(post(*ask("anthropic", stream=True)))
        await served.until("RequestReceived")
        assert not served.of("ReplySent"), "a reset now would discard what the client has not read"
        received, end = await drained(reader)
        assert end == "reset"
        assert len(received) == served.of("ReplySent")[0].bytes > len(text)
        writer.close()

    serve(one(Reset(after_frames=6, answer=Text(text, chunks=3))), body)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_statuses_have_the_providers_shape(serve, talk, post, ask, provider):
    async def body(served):
        for code in (400, 401, 403, 404, 429, 500, 503, 529):
            served.fakes.set_script(one(Status(code, headers=(("retry-after", "7"),))))
            raw, _ = await talk(served.fakes.port, post(*ask(provider), CLOSE))
            assert raw.startswith(b"HTTP/1.1 %d " % code)
            assert b"retry-after: 7\r\n" in raw
            data = json.loads(body_of(raw))
            if provider == "anthropic":
                assert data["type"] == "error"
                assert data["error"]["type"].endswith(("_error", "_large"))
            elif provider == "gemini":
                assert data["error"]["code"] == code
            else:
                assert set(data["error"]) == {"message", "type", "param", "code"}

    serve(one(Text("x")), body)


def test_the_codex_plan_limit_and_the_gemini_quota_tell_when_to_retry(serve, talk, post, ask):
    async def body(served):
        raw, _ = await talk(served.fakes.port, post(*ask("codex"), CLOSE))
        assert json.loads(body_of(raw))["error"]["resets_in_seconds"] > 0
        assert b"x-codex-primary-used-percent: 100" in raw
        raw, _ = await talk(served.fakes.port, post(*ask("gemini"), CLOSE))
        details = json.loads(body_of(raw))["error"]["details"]
        assert {"retryDelay": "26s"}.items() <= details[-1].items()

    serve(one(Status(429, error="usage_limit_reached")), body)


def test_the_plan_limit_ends_by_the_servers_clock(serve, talk, post, ask):
    async def body(served):
        raw, _ = await talk(served.fakes.port, post(*ask("codex"), CLOSE))
        error = json.loads(body_of(raw))["error"]
        assert error["resets_at"] == 1_000_000 + error["resets_in_seconds"]

    serve(one(Status(429, error="usage_limit_reached")), body, clock=lambda: 1_000_000.5)


def test_a_tool_call_can_be_cut_too(serve, talk, post, ask):
    async def body(served):
        raw, _ = await talk(served.fakes.port, post(*ask("anthropic", stream=True)))
        assert b"input_json_delta" in raw
        assert b"message_stop" not in raw

    serve(one(Truncate(after_frames=5, answer=ToolCall("exec", {"command": "make"}))), body)


@pytest.mark.parametrize(
    "reply", [Text(LONG), Truncate(after_bytes=len(LONG), answer=Text(LONG))], ids=["whole", "cut"]
)
def test_a_connection_that_closes_behind_what_the_client_reads_late_is_lost_once(serve_on_both, post, ask, reply):
    async def body(served):
        problems = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: problems.append(context))
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port, limit=1000)
        writer.write(post(*ask("anthropic"), CLOSE))
        await served.until("RequestReceived")
        assert not served.of("ReplySent")  # the kernel has not taken all of it
        assert len(await reader.read()) > len(LONG)
        await served.until("ReplySent")
        writer.close()
        for _ in range(3):
            await asyncio.sleep(0)
        assert not problems

    serve_on_both(one(reply), body)
