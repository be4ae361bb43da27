"""Just enough of DNS to say which addresses a name has, or that there is no such name (RFC 1035, RFC 3596).

One question a message, as every resolver asks it. It refuses the rest by not understanding it.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence
from dataclasses import dataclass

_HEADER = struct.Struct("!HHHHHH")  # id, flags, and how many questions, answers, authorities, additions follow
_RESPONSE, _AUTHORITATIVE, _RECURSION = 0x8000, 0x0400, 0x0180  # the latter: desired and available
_NO_SUCH_NAME = 3
_INTERNET = 1
_TYPES = {1: 4, 28: 6}  # A and AAAA, and the IP version of each
_SECONDS = 60  # that an answer may be kept
_SAME_NAME = 0xC00C  # a pointer to the name in the question

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was asked. `raw` is the question as it came, to be repeated in the answer."""

    id: int
    name: str
    type: int
    raw: bytes


def read_question(message: bytes) -> Question | None:
    """The question of a message, None for one that is no single question."""
    try:
        identifier, flags, questions, *_ = _HEADER.unpack_from(message)
        labels, place = [], _HEADER.size
        while size := message[place]:
            labels.append(message[place + 1 : place + 1 + size].decode("ascii", "backslashreplace"))
            place += 1 + size
        (type_,) = struct.unpack_from("!H", message, place + 1)
    except (struct.error, IndexError):
        return None
    if flags & _RESPONSE or questions != 1 or any(len(label) > 63 for label in labels):
        return None
    name = ".".join(labels).lower()
    return Question(id=identifier, name=name, type=type_, raw=message[_HEADER.size : place + 5])


def answer(question: Question, addresses: Sequence[Address]) -> bytes:
    """The whole answer. Without any address there is no such name; else only those of the wanted version are told."""
    wanted = [each.packed for each in addresses if each.version == _TYPES.get(question.type)]
    flags = _RESPONSE | _AUTHORITATIVE | _RECURSION | (0 if addresses else _NO_SUCH_NAME)
    records = [
        struct.pack("!HHHIH", _SAME_NAME, question.type, _INTERNET, _SECONDS, len(packed)) + packed for packed in wanted
    ]
    return _HEADER.pack(question.id, flags, 1, len(records), 0, 0) + question.raw + b"".join(records)
