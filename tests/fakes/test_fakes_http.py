"""The HTTP layer over raw sockets: order, framing, codings, limits, and what is not HTTP at all."""

import asyncio
import json

import pytest

from fakes.script import Match, Rule, Script, Text
from fakes.wire.http import HEAD_LIMIT

OK = Script((Rule("held", Match(marker="held"), (Text("held", gate="g"),)), Rule("all", Match(), (Text("ok"),))))
CLOSE = "connection: close"


@pytest.fixture
def serve(serve_on_both):
    """Transports differ between the event loops, so all of this runs on both."""
    return serve_on_both


def statuses(raw: bytes) -> list[int]:
    return [int(part[:3]) for part in raw.split(b"HTTP/1.1 ")[1:]]


def test_pipelined_requests_are_answered_in_order_even_when_the_first_is_held(serve, post, ask):
    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        first = post(*ask("anthropic", "[[held]]"))
        writer.write(first + post(*ask("codex", "[[second]]")) + post(*ask("gemini", "[[third]]"), CLOSE))
        await served.fakes.wait_held("g", 1)
        assert [event.marker for event in served.of("RequestReceived")] == ["held"]
        served.fakes.release("g")
        raw = await reader.read()
        assert statuses(raw) == [200, 200, 200]
        assert raw.index(b'"held"') < raw.index(b'"object":"response"') < raw.index(b"candidates")
        writer.close()

    events = serve(OK, body)
    assert [e.exchange for e in events if type(e).__name__ == "ReplySent"] == [1, 2, 3]


def test_a_long_pipeline_is_answered_whole(serve, talk, post, ask):
    async def body(served):
        many = post(*ask("codex")) * 100 + post(*ask("codex"), CLOSE)
        raw, end = await talk(served.fakes.port, many)
        assert (statuses(raw), end) == ([200] * 101, "fin")

    serve(OK, body)


def test_a_request_in_single_bytes(serve, post, ask):
    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        for byte in post(*ask("anthropic", "[[slow]]"), CLOSE):
            writer.write(bytes([byte]))
            await writer.drain()
        assert statuses(await reader.read()) == [200]
        writer.close()

    events = serve(OK, body)
    assert events[0].marker == "slow"


def test_a_chunked_request_body(serve, talk, ask):
    async def body(served):
        path, data = ask("anthropic", "[[chunky]]")
        text = json.dumps(data).encode()
        parts = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in (text[:10], text[10:]))
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n{CLOSE}\r\n\r\n".encode()
        raw, _ = await talk(served.fakes.port, head + parts + b"0\r\n\r\n")
        assert statuses(raw) == [200]

    events = serve(OK, body)
    assert events[0].marker == "chunky"


def test_a_large_body(serve, talk, post, ask):
    async def body(served):
        raw, _ = await talk(served.fakes.port, post(*ask("anthropic", "[[big]]" + "x" * 5_000_000), CLOSE))
        assert statuses(raw) == [200]

    events = serve(OK, body)
    assert events[0].marker == "big"
    assert events[0].bytes > 5_000_000


NOBODY = ("unknown", "", "")


@pytest.mark.parametrize(
    ("data", "status", "asked"),
    [
        (b"nonsense\r\n\r\n", 400, NOBODY),
        (b"\x16\x03\x01\x02\x00\x01", 400, NOBODY),
        (
            b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            400,
            ("unknown", "POST", "/"),
        ),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * (HEAD_LIMIT + 10), 431, ("unknown", "GET", "/")),
        (b"GET /" + b"y" * (HEAD_LIMIT + 10), 431, ("unknown", "GET", "/" + "y" * (HEAD_LIMIT + 10))),
        (
            b"GET /v1/models HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\nz: yyyyyyyy\r\n" * (HEAD_LIMIT // 16) + b"\r\n",
            431,
            ("codex", "GET", "/v1/models"),
        ),
        (b"GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", 400, ("unknown", "GET", "/")),
        (b"GET /v1/models HTTP/1.1\r\naccept: */*\r\n\r\n", 400, ("codex", "GET", "/v1/models")),
        (b"GET /v1/models\r\n\r\n", 400, ("codex", "GET", "/v1/models")),
        (b"GET /v1/models HTTP/2.0\r\nhost: x\r\n\r\n", 400, ("codex", "GET", "/v1/models")),
    ],
)
def test_what_is_not_acceptable_http_is_refused_and_closed(serve, talk, data, status, asked):
    async def body(served):
        raw, end = await talk(served.fakes.port, data)
        assert (statuses(raw), end) == ([status], "fin")

    events = serve(OK, body)
    assert (events[0].provider, events[0].method, events[0].path) == asked
    assert (events[1].status, events[1].reply, events[1].outcome) == (status, "malformed", "complete")


def test_nonsense_after_a_good_request_does_not_harm_its_answer(serve, talk, post, ask):
    async def body(served):
        raw, end = await talk(served.fakes.port, post(*ask("codex")) + b"nonsense\r\n\r\n")
        assert (statuses(raw), end) == ([200, 400], "fin")

    serve(OK, body)


def test_what_follows_a_last_request_is_not_answered(serve, talk, post, ask):
    async def body(served):
        problems = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: problems.append(context))
        last = post(*ask("codex"), CLOSE)
        for behind in (last, b"nonsense\r\n\r\n", last + b"nonsense\r\n\r\n"):
            raw, end = await talk(served.fakes.port, last + behind)
            assert (statuses(raw), end) == ([200], "fin")
        assert not problems

    serve(OK, body)


def test_http_1_0_gets_no_chunks_and_is_closed(serve, talk, post, ask):
    async def body(served):
        raw, end = await talk(served.fakes.port, post(*ask("anthropic", stream=True), version="1.0"))
        assert end == "fin"
        assert b"transfer-encoding" not in raw
        assert raw.endswith(b'data: {"type":"message_stop"}\n\n')

    serve(OK, body)


def test_expect_100_continue(serve, post, ask):
    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        head, _, data = post(*ask("codex"), "expect: 100-continue", CLOSE).partition(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(data)
        assert statuses(await reader.read()) == [200]
        writer.close()

    serve(OK, body)


def test_head_has_no_body(serve, talk):
    async def body(served):
        head = b"HEAD /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        raw, _ = await talk(served.fakes.port, head)
        assert statuses(raw) == [200]
        assert raw.endswith(b"\r\n\r\n")

    serve(OK, body)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /v1/messages", 405),
        ("DELETE /oauth/token", 405),
        ("POST /v1/models", 405),
        ("GET /", 404),
        ("POST /v1/completions", 404),
        ("GET /v1/chat/completions", 405),
        ("DELETE /v1/models/m", 405),
        ("GET /v1beta/models/m:generateContent", 405),
        ("POST /v1beta/models/m:embedContent", 404),
        ("GET /v1beta/models/m:countTokens", 405),
        ("GET /v1internal:loadCodeAssist", 405),
        ("POST /v1internal:embedContent", 404),
        ("GET /__fakes__/journal", 404),
    ],
)
def test_wrong_methods_and_unknown_paths(serve, talk, line, status):
    async def body(served):
        raw, _ = await talk(served.fakes.port, f"{line} HTTP/1.1\r\nhost: x\r\n{CLOSE}\r\n\r\n".encode())
        assert statuses(raw) == [status]
        assert (b"allow: " in raw) == (status == 405)

    events = serve(OK, body)
    assert events[0].path == line.partition(" ")[2]


@pytest.mark.parametrize("path", ["/v1/responses", "/backend-api/codex/responses", "/v1/chat/completions"])
def test_a_websocket_upgrade_is_refused_cleanly(serve, talk, post, ask, path):
    async def body(served):
        lines = [f"GET {path} HTTP/1.1", "host: x", "connection: Upgrade", "upgrade: websocket"]
        keys = ["sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version: 13", "", ""]
        raw, end = await talk(served.fakes.port, "\r\n".join(lines + keys).encode())
        assert (statuses(raw), end) == ([426], "fin")
        assert b"\r\nupgrade: HTTP/1.1\r\n" in raw
        assert json.loads(raw.partition(b"\r\n\r\n")[2])["error"]["type"] == "invalid_request_error"
        again, _ = await talk(served.fakes.port, post(*ask("codex"), CLOSE))
        assert statuses(again) == [200]

    events = serve(OK, body)
    assert (events[0].method, events[0].path, events[1].reply, events[1].status) == ("GET", path, "upgrade", 426)


def test_an_upgrade_offered_with_a_post_is_ignored(serve, talk, post, ask):
    async def body(served):
        offer = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABk")
        raw, end = await talk(served.fakes.port, post(*ask("codex", "[[h2c]]"), *offer))
        assert (statuses(raw), end) == ([200], "fin")

    events = serve(OK, body)
    assert events[0].marker == "h2c"


def test_an_absolute_target_as_sent_to_a_plain_proxy(serve, talk):
    async def body(served):
        target = b"GET http://api.anthropic.com/v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        raw, _ = await talk(served.fakes.port, target)
        assert b'"has_more":false' in raw

    serve(OK, body)


def test_query_keys_and_headers_stay_out_of_the_records(serve, talk, post, ask):
    secret = "sk-very-secret"

    async def body(served):
        path, data = ask("gemini", "[[x]]")
        raw, _ = await talk(served.fakes.port, post(f"{path}?key={secret}", data, f"x-goog-api-key: {secret}", CLOSE))
        assert statuses(raw) == [200]

    assert secret not in repr(serve(OK, body))


def test_every_record_becomes_json(serve, talk, post, ask):
    from dataclasses import asdict

    async def body(served):
        await talk(served.fakes.port, post(*ask("gemini", "[[x]] \ud800 ü"), CLOSE))

    events = serve(OK, body)
    assert [json.loads(json.dumps(asdict(event)))["exchange"] for event in events] == [1, 1]


def test_a_port_in_use_is_an_os_error_and_a_second_start_is_refused(serve):
    from fakes.server import Fakes

    async def body(served):
        other = Fakes(OK, record=served.events.append)
        with pytest.raises(OSError, match="in use"):
            await other.start(port=served.fakes.port)
        await other.close()
        with pytest.raises(RuntimeError, match="already"):
            await served.fakes.start()

    serve(OK, body)


def test_listening_on_ipv6(serve):
    from fakes.server import Fakes

    async def body(served):
        async with Fakes(OK, record=served.events.append) as other:
            await other.close()
            await other.start("::1")
            assert other.url == f"http://[::1]:{other.port}"
            reader, writer = await asyncio.open_connection("::1", other.port)
            writer.write(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert statuses(await reader.read()) == [200]
            writer.close()

    events = serve(OK, body)
    assert events[0].peer_port > 0


def test_many_paced_streams_at_once_keep_their_own_order(serve, talk, post, ask):
    async def body(served):
        asked = [post(*ask("gemini", f"[[s{n}]]", stream=True), CLOSE) for n in range(60)]
        answers = await asyncio.gather(*(talk(served.fakes.port, data) for data in asked))
        for raw, end in answers:
            assert end == "fin"
            assert [raw.index(b'"text":"%c"' % c) for c in b"abcde"] == sorted(
                raw.index(b'"text":"%c"' % c) for c in b"abcde"
            )

    script = Script((Rule("paced", Match(), (Text("abcde", chunks=5, pace=0.005),)),))
    events = serve(script, body)
    assert [e.outcome for e in events if type(e).__name__ == "ReplySent"] == ["complete"] * 60
