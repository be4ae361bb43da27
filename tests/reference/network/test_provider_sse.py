"""The SSE reader: every framing that the specification allows, cut at every byte."""

from __future__ import annotations

import pytest

from reference.errors import Retryable
from reference.providers import sse

EXPECTED = [("message", "one"), ("named", "two\nlines"), ("message", "")]
TEXT = b": comment\ndata: one\n\nevent: named\ndata: two\ndata:lines\nid: 7\n\ndata\n\n"


def read(chunks: list[bytes]) -> list[tuple[str, str]]:
    return [(event.name, event.data) for event in sse.events(chunks)]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_framing_survives_a_cut_at_every_byte(ending: bytes) -> None:
    text = TEXT.replace(b"\n", ending)
    for cut in range(len(text) + 1):
        assert read([text[:cut], text[cut:]]) == EXPECTED, cut
    assert read([text[i : i + 1] for i in range(len(text))]) == EXPECTED


def test_byte_order_mark_is_ignored() -> None:
    assert read([b"\xef", b"\xbb\xbfdata: x\n\n"]) == [("message", "x")]


def test_unfinished_event_is_dropped() -> None:
    assert read([b"data: one\n\ndata: two\n"]) == [("message", "one")]
    assert read([b"data: one\n\nevent: late\ndata: tw"]) == [("message", "one")]


def test_event_name_without_data_is_no_event() -> None:
    assert read([b"event: ping\n\ndata: x\n\n"]) == [("message", "x")]


def test_line_separators_of_unicode_are_data() -> None:
    assert read(["data: a\u2028b\x85c\n\n".encode()]) == [("message", "a\u2028b\x85c")]


@pytest.mark.parametrize("chunk", [b"x" * 1024, b"data: " + b"x" * 1000 + b"\n"], ids=["line", "event"])
def test_endless_event_is_refused(monkeypatch: pytest.MonkeyPatch, chunk: bytes) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 10_000)
    with pytest.raises(Retryable) as caught:
        read([chunk] * 30)
    assert caught.value.code == "malformed-stream"
