"""Draws a reply that goes wrong from a number: the same number, the same fault, on any machine.

For who wants many faults and no list of them. What is drawn is data like any other script.
"""

from random import Random
from typing import get_args

from fakes.broken import Altered, Cut, Ending, Framing, How, Newline, Pieces, Where
from fakes.script import Answer, Broken, Status, Text, ToolCall

_WORDS = ("plain ", "words, ", "Grüße ", "日本語 ", "🙂 ", "ﬀ\u0301 ")
_STATUSES = (400, 401, 403, 404, 408, 409, 429, 500, 502, 503, 529)


def drawn(seed: int) -> Broken:
    """The fault of this number. It takes no time: neither a delay nor a pace is drawn."""
    random = Random(seed)
    answer: Answer | Status = random.choice((_text, _text, _text, _tool, _status))(random)
    return Broken(
        answer=answer,
        cut=_cut(random) if random.random() < 0.75 else None,
        altered=tuple(_altered(random) for _ in range(random.choice((0, 0, 1, 2)))),
        framing=_framing(random),
    )


def _text(random: Random) -> Answer:
    words = "".join(random.choices(_WORDS, k=random.randint(1, 12)))
    return Text(words, chunks=random.randint(1, 6))


def _tool(random: Random) -> Answer:
    return ToolCall("exec", {"command": "".join(random.choices(_WORDS, k=3))}, text=random.choice(("", "Now: ")))


def _status(random: Random) -> Status:
    headers = random.choice(((), (("retry-after", str(random.randint(0, 30))),)))
    return Status(random.choice(_STATUSES), headers=headers)


def _cut(random: Random) -> Cut:
    where: Where = random.choice(get_args(Where))
    ending: Ending = random.choice(get_args(Ending))
    if ending == "end" and where in ("status", "byte"):
        ending = "fin"
    count = random.randint(0, 9) if where in ("frame", "half-frame") else random.randint(0, 900)
    return Cut(where, count, ending)


def _altered(random: Random) -> Altered:
    how: How = random.choice(get_args(How))
    return Altered(random.randint(-3, 6), how)


def _framing(random: Random) -> Framing:
    newline: Newline = random.choice(get_args(Newline))
    pieces: Pieces = random.choice(get_args(Pieces))
    length = random.choice((0, 0, 0, random.randint(-40, 40)))
    return Framing(newline=newline, pieces=pieces, length=length)
