"""Bytes that no client should send: a refusal in the right shape or a clean end, no 5xx, nothing raised in the loop."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import hypothesis
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.oauth import OAuthSettings
from fakes.script import Script
from fakes.server import Fakes

LIMIT = 30.0
_SERVER_ERROR = re.compile(rb"HTTP/1\.1 5\d\d")
_FIRST = re.compile(rb"HTTP/1\.[01] (\d{3}) ")

PATHS = (
    *("/v1/messages", "/v1/responses", "/v1/chat/completions", "/v1beta/models/m:generateContent", "/v1/models"),
    *("/oauth/token", "/token", "/revoke", "/introspect", "/oauth/authorize?client_id=a", "/device/code", "/device"),
    *(
        "/api/accounts/deviceauth/token",
        "/.well-known/jwks.json",
        "/",
        "*",
        "/%00",
        "/\u00e9",
        "//",
        "http://[::1",
        "/?" * 9,
    ),
)
HEADERS = (
    *(
        "host: localhost",
        "host: a b",
        "content-length: 5",
        "content-length: -1",
        "content-length: 5, 6",
        "content-length: x",
    ),
    *(
        "transfer-encoding: chunked",
        "transfer-encoding: gzip",
        "expect: 100-continue",
        "connection: close",
        "connection: x",
    ),
    *(
        "upgrade: websocket",
        "connection: upgrade",
        "content-encoding: gzip",
        "content-encoding: zstd",
        "content-encoding: br",
    ),
    *(
        "content-type: application/json",
        "content-type: application/x-www-form-urlencoded",
        "x" * 300 + ": y",
        ": empty",
    ),
    *("authorization: Bearer x", "no colon at all", "x: \x00", "x:\ty", " folded", "anthropic-version: 2023-06-01"),
)
BODIES = (
    *(
        b"",
        b"{}",
        b"[]",
        b"null",
        b"{",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"ffffffffffffffff\r\n",
        b"\xff\xfe",
        b"a=b&a=c",
        b"%ZZ",
    ),
    *(b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}', b'{"input":1}', b"[" * 5000),
    *(
        b'{"grant_type":"refresh_token","refresh_token":"x","client_id":"y"}',
        b'{"token":"\\ud800"}',
        b"token=%ED%A0%80",
    ),
)

structured = st.builds(
    lambda method, path, version, headers, body, length: b"".join(
        (
            f"{method} {path} {version}\r\n".encode("latin-1", "replace"),
            *(f"{header}\r\n".encode("latin-1") for header in headers),
            f"content-length: {len(body)}\r\n".encode() if length else b"",
            b"\r\n",
            body,
        )
    ),
    st.sampled_from(["GET", "POST", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "PRI", "get", ""]),
    st.sampled_from(PATHS),
    st.sampled_from(["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9", ""]),
    st.lists(st.sampled_from(HEADERS), max_size=4),
    st.sampled_from(BODIES) | st.binary(max_size=200),
    st.booleans(),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """One or two requests, with bytes taken out, put in or changed."""
    data = bytearray(b"".join(draw(st.lists(structured, min_size=1, max_size=2))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        data[at : at + draw(st.integers(0, 3))] = draw(
            st.binary(max_size=3) | st.sampled_from([b"\r\n", b"\n", b" ", b"\x00"])
        )
    return bytes(data)


async def exchanged(port: int, data: bytes, size: int) -> bytes:
    """Send in pieces, say that no more comes, and read to the end; a reset counts as an end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        for at in range(0, len(data), size):
            writer.write(data[at : at + size])
            await writer.drain()
        writer.write_eof()
        while part := await reader.read(65536):
            received += part
    except ConnectionError:
        pass
    finally:
        writer.close()
    return received


def check(received: bytes) -> None:
    assert not _SERVER_ERROR.search(received), received
    while received.startswith(b"HTTP/1.1 100 "):
        received = received.partition(b"\r\n\r\n")[2]
    if not received:
        return
    first = _FIRST.match(received)
    assert first, received
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    answers_head = not body or body.startswith(b"HTTP/1.1 ")  # a length without a body, and perhaps the next reply
    if first[1][:1] == b"4" and length and int(length[1]) and not answers_head and b"text/html" not in head:
        said = json.loads(body[: int(length[1])])
        said = said[0] if isinstance(said, list) else said
        assert "error" in said or "detail" in said, said


@pytest.fixture(scope="module", params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def served(request):
    """A loop with fakes on it, and what was raised in it."""
    loop, problems = request.param(), []
    loop.set_exception_handler(lambda _loop, context: problems.append(context))
    fakes = Fakes(Script((), strict=False), oauth=OAuthSettings(), record=lambda _: None)
    loop.run_until_complete(fakes.start())
    yield loop, fakes, problems
    loop.run_until_complete(fakes.close())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert not problems


def fuzz(served: Any, data: bytes, size: int) -> None:
    loop, fakes, problems = served
    problems.clear()
    check(loop.run_until_complete(asyncio.wait_for(exchanged(fakes.port, data, size), LIMIT)))
    assert not problems


QUIET = settings(max_examples=250, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck))


@QUIET
@given(data=st.binary(max_size=400), size=st.sampled_from([1, 7, 100_000]))
def test_any_bytes(served, data, size):
    fuzz(served, data, size)


@QUIET
@given(data=damaged(), size=st.sampled_from([3, 50, 100_000]))
def test_damaged_requests(served, data, size):
    fuzz(served, data, size)


@QUIET
@given(data=structured)
def test_odd_requests(served, data):
    fuzz(served, data, 100_000)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffffff\r\n",
        b"POST /v1/messages HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\n" * 50,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"\r\n" * 10_000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=lambda data: data[:20].decode("latin-1").encode("unicode_escape").decode(),
)
def test_known_troublemakers(served, data):
    fuzz(served, data, 65536)
