"""Requests in other than their plain form: with an expectation, with trailers, with a URL as target, or too large."""

import asyncio
import json

import pytest

from fakes.script import Match, Rule, Script, Text
from fakes.wire.http import BODY_LIMIT, HEAD_LIMIT

OK = Script((Rule("held", Match(marker="held"), (Text("held", gate="g"),)), Rule("all", Match(), (Text("ok"),))))
CLOSE = "connection: close"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.fixture
def serve(serve_on_both):
    """Transports differ between the event loops, so all of this runs on both."""
    return serve_on_both


def chunked(path: str, body: object, end: bytes) -> bytes:
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n{CLOSE}\r\n\r\n".encode()
    return head + b"%x\r\n%b\r\n" % (len(data), data) + end


def test_http_1_0_gets_no_100(serve, talk, post, ask):
    async def body(served):
        raw, _ = await talk(served.fakes.port, post(*ask("codex"), "expect: 100-continue", version="1.0"))
        assert raw.startswith(b"HTTP/1.1 200 OK\r\n")

    serve(OK, body)


def test_a_body_that_comes_unasked_needs_no_100(serve, talk, post, ask):
    async def body(served):
        raw, _ = await talk(served.fakes.port, post(*ask("codex"), "expect: 100-continue", CLOSE))
        assert raw.startswith(b"HTTP/1.1 200 OK\r\n")

    serve(OK, body)


@pytest.mark.parametrize("marker", ["free", "held"])
def test_100_comes_after_the_answers_to_what_was_sent_before(serve, post, ask, marker):
    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        head, _, data = post(*ask("codex"), "expect: 100-continue", CLOSE).partition(b"\r\n\r\n")
        writer.write(post(*ask("anthropic", f"[[{marker}]]")) + head + b"\r\n\r\n")
        if marker == "held":
            await served.fakes.wait_held("g", 1)
            served.fakes.release("g")
        first = await reader.readuntil(CONTINUE)
        assert first.startswith(b"HTTP/1.1 200 OK\r\n")
        writer.write(data)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.close()

    serve(OK, body)


@pytest.mark.parametrize("ends", ["a refusal", "the last answer"])
def test_no_100_comes_behind_the_end(serve, talk, post, ask, ends):
    async def body(served):
        problems = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: problems.append(context))
        head = b"POST /v1/responses HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n"
        sent = head + b"nonsense\r\n" if ends == "a refusal" else post(*ask("codex"), CLOSE) + head
        raw, end = await talk(served.fakes.port, sent)
        assert (raw.count(b"HTTP/1.1 "), raw.count(CONTINUE), end) == (1, 0, "fin")
        assert not problems

    serve(OK, body)


def test_trailers_are_no_headers(serve, talk, ask):
    async def body(served):
        end = b"0\r\ncontent-encoding: gzip\r\nhost: evil\r\n\r\n"
        raw, _ = await talk(served.fakes.port, chunked(*ask("anthropic"), end))
        assert raw.startswith(b"HTTP/1.1 200 OK\r\n")

    serve(OK, body)


@pytest.mark.parametrize("more", [b"x: y\r\n", b"z", b"0;"], ids=["many trailers", "one long", "a long chunk line"])
def test_what_follows_a_body_is_limited_as_a_head_is(serve, post, ask, more):
    opening = chunked(*ask("anthropic"), b"0;" if more == b"0;" else b"0\r\nx: ")

    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        writer.write(opening)
        await writer.drain()
        writer.write(more * (20 * HEAD_LIMIT // len(more)))  # more than is read at once
        assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")
        writer.close()

    serve(OK, body)


@pytest.mark.parametrize("host", ['a"b', "a/b", "a\\", "a b", "u@a", "a:b", "[::1", "[::1]x", "a?b", "\xe9"])
def test_a_host_that_is_none_is_refused(serve, talk, host):
    async def body(served):
        asked = f"GET /.well-known/openid-configuration HTTP/1.1\r\nhost: {host}\r\n\r\n"
        raw, end = await talk(served.fakes.port, asked.encode("latin-1"))
        assert (raw[:13], end) == (b"HTTP/1.1 400 ", "fin")
        assert b"the host is not one" in raw

    serve(OK, body)


@pytest.mark.parametrize("host", ["127.0.0.1:4711", "[::1]:4711", "example.test", "a_b.test:"])
def test_a_host_is_taken(serve, talk, host):
    async def body(served):
        asked = f"GET /v1/models HTTP/1.1\r\nhost: {host}\r\n{CLOSE}\r\n\r\n"
        assert (await talk(served.fakes.port, asked.encode()))[0].startswith(b"HTTP/1.1 200 ")

    serve(OK, body)


@pytest.mark.parametrize("host", ["127.0.0.1:4711", "[::1]:4711", "example.test"])
def test_an_absolute_target_keeps_its_port(serve, talk, host):
    async def body(served):
        asked = f"GET http://{host}/.well-known/openid-configuration HTTP/1.1\r\nhost: other\r\n{CLOSE}\r\n\r\n"
        raw, _ = await talk(served.fakes.port, asked.encode())
        assert json.loads(raw.partition(b"\r\n\r\n")[2])["issuer"] == f"http://{host}"

    serve(OK, body)


OVERLONG = b"content-length: %d\r\n\r\n" % (BODY_LIMIT + 1)
UNREADABLE = (b"content-length: ten\r\n\r\n", b"transfer-encoding: chunked\r\n\r\nzz\r\n", b"x\r\n\r\n")


@pytest.mark.parametrize(
    ("path", "provider", "kind", "kind_of_413"),
    [
        ("/v1/messages", "anthropic", "invalid_request_error", "request_too_large"),
        ("/v1/chat/completions", "chat", "invalid_request_error", "invalid_request_error"),
        ("/v1/models/m:generateContent", "gemini", "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        ("/v1internal:generateContent", "code-assist", "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        ("/token", "oauth", "invalid_request", "invalid_request"),
    ],
)
@pytest.mark.parametrize("rest", [OVERLONG, *UNREADABLE], ids=["too large", "length", "chunk", "header"])
def test_what_cannot_be_read_is_refused_in_the_providers_shape(serve, talk, path, provider, kind, kind_of_413, rest):
    status, wanted = (413, kind_of_413) if rest is OVERLONG else (400, kind)

    async def body(served):
        raw, end = await talk(served.fakes.port, f"POST {path} HTTP/1.1\r\nhost: x\r\n".encode() + rest)
        assert (raw[:13], end) == (b"HTTP/1.1 %d " % status, "fin")
        said = json.loads(raw.partition(b"\r\n\r\n")[2])
        error = (said[0] if isinstance(said, list) else said)["error"]
        assert wanted in ([error] if isinstance(error, str) else [error.get("type"), error.get("status")])

    received, sent = serve(OK, body)
    assert (received.provider, received.method, received.path) == (provider, "POST", path)
    assert (sent.status, sent.reply) == (status, "malformed")


@pytest.mark.parametrize("kept", [1, 3, 20, -1], ids=["a letter", "a method", "a target", "all but a byte"])
@pytest.mark.parametrize("before", [False, True], ids=["first", "second"])
def test_a_request_that_ends_too_early_is_refused(serve, post, ask, kept, before):
    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        if before:
            writer.write(post(*ask("codex")))
            await served.until("ReplySent")
        writer.write(post(*ask("anthropic"))[:kept])
        writer.write_eof()
        raw = await reader.read()
        assert raw.count(b"HTTP/1.1 400 ") == 1
        assert b"the request ends too early" in raw
        assert (b'"request_id"' in raw) == (kept not in (1, 3))  # as Anthropic has it, once the target is known
        writer.close()

    events = serve(OK, body)
    assert (events[-1].status, events[-1].reply) == (400, "malformed")


def test_a_refusal_of_head_has_no_body(serve, talk):
    async def body(served):
        raw, _ = await talk(served.fakes.port, b"HEAD /v1/models HTTP/1.1\r\n\r\n")
        assert raw.startswith(b"HTTP/1.1 400 ")
        assert raw.endswith(b"\r\n\r\n")

    serve(OK, body)


def test_a_tunnel_does_not_wait_for_the_content_that_a_connect_announces(serve):
    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        writer.write(b"CONNECT api.openai.com:443 HTTP/1.1\r\nhost: api.openai.com:443\r\ncontent-length: 3\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 Connection Established")
        writer.close()

    serve(OK, body)
