"""Compressed request bodies: every coding, whole and damaged, in layers and in members, and what explodes."""

import gzip
import json
import sys
import zlib

import pytest

from fakes.script import Script
from fakes.wire.http import BODY_LIMIT, HttpRequest, UnreadableBody, decoded_body

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ENCODERS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd.compress}
CLOSE = "connection: close"


def decoded(body: bytes, coding: str) -> bytes:
    return decoded_body(
        HttpRequest(
            method="POST",
            path="/",
            query="",
            host="",
            headers={"content-encoding": coding},
            body=body,
            version="1.1",
            keep_alive=True,
            peer_port=1,
            upgrade=False,
        )
    )


def status_of(body: bytes, coding: str) -> int:
    with pytest.raises(UnreadableBody) as caught:
        decoded(body, coding)
    return caught.value.status


@pytest.mark.parametrize("coding", ENCODERS)
def test_over_the_wire(serve_on_both, talk, post, ask, coding):
    async def body(served):
        path, data = ask("codex", "[[small]]")
        packed = ENCODERS[coding](json.dumps(data).encode())
        raw, _ = await talk(served.fakes.port, post(path, packed, f"content-encoding: {coding}", CLOSE))
        assert raw.startswith(b"HTTP/1.1 200 ")
        raw, _ = await talk(served.fakes.port, post(path, packed[:-9], f"content-encoding: {coding}", CLOSE))
        assert raw.startswith(b"HTTP/1.1 400 ")
        assert json.loads(raw.partition(b"\r\n\r\n")[2])["error"]["type"] == "invalid_request_error"

    events = serve_on_both(Script(strict=False), body)
    assert events[0].marker == "small"
    assert [event.reply for event in events if type(event).__name__ == "ReplySent"] == ["text", "invalid"]


@pytest.mark.parametrize(("coding", "status"), [("br", 415), ("gzip;q=1", 415), (", ".join(["identity"] * 5), 415)])
def test_an_unknown_coding_is_415_in_the_providers_shape(serve, talk, post, ask, coding, status):
    async def body(served):
        raw, _ = await talk(served.fakes.port, post(*ask("anthropic"), f"content-encoding: {coding}", CLOSE))
        assert raw.startswith(b"HTTP/1.1 %d " % status)
        assert b'"type":"error"' in raw

    serve(Script(strict=False), body)


@pytest.mark.parametrize("coding", ENCODERS)
def test_every_cut_is_refused(coding):
    packed = ENCODERS[coding](bytes(range(200)))
    for end in range(len(packed)):
        assert status_of(packed[:end], coding) == 400


@pytest.mark.parametrize("coding", ENCODERS)
@pytest.mark.parametrize("garbage", [b"nonsense", b"\0", b"{}", bytes(64)])
def test_garbage_is_refused_also_behind_good_data(coding, garbage):
    assert status_of(garbage, coding) == 400
    assert status_of(ENCODERS[coding](b"{}") + garbage, coding) == 400


@pytest.mark.parametrize("coding", ENCODERS)
def test_members_in_a_row_and_how_many(coding):
    member = ENCODERS[coding](b"ab")
    assert decoded(member * 3, coding) == b"ababab"
    assert status_of(member * 100_000, coding) == 400


def test_layers():
    assert decoded(gzip.compress(zstd.compress(b"{}")), "zstd, identity, GZIP") == b"{}"
    assert decoded(b"{}", "") == b"{}"
    assert status_of(zstd.compress(gzip.compress(b"{}")), "zstd, gzip") == 400


@pytest.mark.parametrize("coding", ENCODERS)
def test_what_explodes_is_refused_at_the_limit(coding, monkeypatch):
    limit = 4 * 1024 * 1024
    monkeypatch.setattr("fakes.wire.http.BODY_LIMIT", limit)
    most = ENCODERS[coding](bytes(limit))
    assert len(most) < 10_000
    assert len(decoded(most, coding)) == limit
    assert status_of(ENCODERS[coding](bytes(limit + 1)), coding) == 413
    assert status_of(most * 2, coding) == 413


def test_a_window_of_gigabytes_is_refused_before_it_is_allocated():
    # Magic, a frame header that asks for a window of 2**31 bytes, an empty last block (RFC 8878, section 3.1.1).
    assert status_of(b"\x28\xb5\x2f\xfd" + b"\x00" + bytes([21 << 3]) + b"\x01\x00\x00", "zstd") == 400


def test_a_bomb_over_the_wire(serve, talk, post):
    async def body(served):
        bomb = zstd.compress(bytes(BODY_LIMIT + 1))
        raw, _ = await talk(served.fakes.port, post("/v1/messages", bomb, "content-encoding: zstd", CLOSE))
        assert raw.startswith(b"HTTP/1.1 413 ")
        assert json.loads(raw.partition(b"\r\n\r\n")[2])["error"]["type"] == "request_too_large"

    serve(Script(strict=False), body)
