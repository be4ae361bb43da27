"""The name server: what it knows it tells, all else does not exist, and nonsense gets no answer."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.resolver import Resolver
from fakes.wire.dns import answer, read_question

V4, V6 = ipaddress.ip_address("192.31.196.10"), ipaddress.ip_address("2620:4f:8000::a")
A, AAAA, TXT = 1, 28, 16


def query(name: str, type_: int = A, *, identifier: int = 7, questions: int = 1, flags: int = 0x0100) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!HHHHHH", identifier, flags, questions, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", type_, 1)


def test_a_question_is_read_whatever_its_case():
    question = read_question(query("API.Vendor.example", AAAA))
    assert question is not None
    assert (question.id, question.name, question.type) == (7, "api.vendor.example", AAAA)


@pytest.mark.parametrize(("type_", "rdata"), [(A, V4.packed), (AAAA, V6.packed)])
def test_the_answer_repeats_the_question_and_tells_the_address(type_, rdata):
    asked = query("a.example", type_)
    reply = answer(read_question(asked), [V4, V6])
    assert struct.unpack_from("!HHHHHH", reply) == (7, 0x8580, 1, 1, 0, 0)
    assert reply[12:].startswith(asked[12:])
    assert reply.endswith(struct.pack("!HHHIH", 0xC00C, type_, 1, 60, len(rdata)) + rdata)


def test_a_name_without_the_wanted_kind_exists_and_an_unknown_one_does_not():
    assert struct.unpack_from("!HHHH", answer(read_question(query("a.example", TXT)), [V4])) == (7, 0x8580, 1, 0)
    assert struct.unpack_from("!HHHH", answer(read_question(query("b.example")), [])) == (7, 0x8583, 1, 0)


@pytest.mark.parametrize(
    "message",
    [b"", b"short", query("a.example", flags=0x8100), query("a.example", questions=2), query("a.example")[:20]],
)
def test_what_is_no_single_question_is_none(message):
    assert read_question(message) is None


@given(st.binary(max_size=80))
def test_any_bytes_can_be_read_and_answered(message):
    question = read_question(message)
    if question is not None:
        answer(question, [V4, V6])


def test_every_question_is_told_with_the_port_that_asks():
    told, sent = [], []

    class Transport:
        def sendto(self, data, address):
            sent.append((data[:2], address))

    resolver = Resolver(lambda name: [V4] if name == "a.example" else [], lambda *what: told.append(what))
    resolver._transport = Transport()
    for message in (query("a.example"), b"nonsense", query("b.example", identifier=8)):
        resolver.datagram_received(message, ("127.0.0.1", 4711))
    assert told == [("a.example", 4711), ("b.example", 4711)]
    assert sent == [(b"\0\7", ("127.0.0.1", 4711)), (b"\0\10", ("127.0.0.1", 4711))]
