"""An answer taken apart as it comes: where it ends, what is none, and that no cut of its bytes changes it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.providers.response import Broken, Response

CLOSED = b""


def read(parts: Iterable[bytes]) -> tuple[Response, bytes]:
    """Feed the parts as a connection would, until the answer has ended. Raises Broken."""
    response, body = Response(), b""
    for part in parts:
        response.feed(part)
        while taken := response.take():
            body += taken
        if response.ended:
            break
    return response, body


WHOLE = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: one\r\nx-a: two\r\n\r\nhello",
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-Late: no\r\n\r\n"
    ),
    "interim": b"HTTP/1.1 103 Early\r\nX-Early: no\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
    "upgrade offered": b"HTTP/1.1 200 OK\r\nUpgrade: h2\r\nConnection: Upgrade\r\nContent-Length: 5\r\n\r\nhello",
}


@pytest.mark.parametrize("whole", WHOLE.values(), ids=WHOLE)
@given(data=st.data())
def test_no_cut_changes_an_answer(whole: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1))))
    parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    response, body = read(parts)
    assert (response.status, body, response.ended) == (200, b"hello", True)
    assert not response.headers.keys() & {"x-late", "x-early"}
    assert response.headers == read([whole])[0].headers


def test_names_are_in_lower_case_and_the_last_of_two_counts() -> None:
    response, _ = read([WHOLE["length"]])
    assert response.headers == {"content-length": "5", "x-a": "two"}


def test_what_follows_a_whole_answer_is_nothing_to_us() -> None:
    another = b"HTTP/1.1 500 Late\r\nX-Late: 1\r\nContent-Length: 4\r\n\r\nmore"
    response, body = read([WHOLE["length"] + another])
    assert (response.status, body, "x-late" in response.headers) == (200, b"hello", False)
    assert read([WHOLE["length"] + b"\0\0"])[1] == b"hello"


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_never_has_a_body_ends_with_its_head(status: int) -> None:
    response, body = read([b"HTTP/1.1 %d X\r\n\r\n" % status])
    assert (response.ended, body) == (True, b"")


@pytest.mark.parametrize("coding", [b"", b"Transfer-Encoding: gzip\r\n"], ids=["none", "not chunked"])
def test_where_nothing_says_the_length_the_end_of_the_connection_does(coding: bytes) -> None:
    response = Response()
    response.feed(b"HTTP/1.1 200 OK\r\n" + coding + b"\r\nhe")
    response.feed(b"llo")
    assert not response.ended
    response.feed(CLOSED)
    assert ([response.take() for _ in range(3)], response.ended) == ([b"he", b"llo", b""], True)


@pytest.mark.parametrize(
    "parts",
    [
        [CLOSED],
        [b"HTTP/1.1 200 OK\r\nContent-Le", CLOSED],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", CLOSED],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", CLOSED],
        [b"HTTP/1.1 100 Continue\r\n\r\n", CLOSED],
        [b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
        [b"HTTP/1.1 200 OK\n\nhello"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello"],
        [b"HTTP/1.1 200 OK\r\nX: \x01\r\n\r\n"],
        [b"HTTP/1.1 99 OK\r\n\r\n"],
        [b"220 mail ESMTP\r\n"],
    ],
)
def test_what_breaks_off_or_is_no_answer(parts: list[bytes]) -> None:
    with pytest.raises(Broken):
        read(parts)


def test_the_body_before_the_trouble_is_given_out_first() -> None:
    response = Response()
    response.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n")
    assert response.take() == b"hello"
    with pytest.raises(Broken):
        response.take()


@pytest.mark.parametrize("line", [b"x-filler: " + b"y" * 1000 + b"\r\n", b"z"], ids=["many lines", "one line"])
def test_a_head_without_end_is_given_up(line: bytes) -> None:
    with pytest.raises(Broken, match="too long"):
        read([b"HTTP/1.1 200 OK\r\nx-a: ", *[line * 10] * 20_000])


def test_interim_answers_without_end_are_given_up() -> None:
    with pytest.raises(Broken, match="too long"):
        read([b"HTTP/1.1 102 Wait\r\n\r\n"] * 10_000)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.sampled_from([b"", *WHOLE.values()]))
def test_any_bytes_are_an_answer_or_broken(parts: list[bytes], before: bytes) -> None:
    try:
        response, _ = read([before[: len(before) // 2] or b"HTTP/1.1 ", *parts, CLOSED])
    except Broken:
        return
    assert response.ended
