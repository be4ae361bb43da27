"""Programs for the simulator that several test modules use, and what can be seen in their runs."""

from __future__ import annotations

import random
from collections.abc import Sequence

from harness.schedules.points import Point, dependent
from harness.schedules.trace import Trace
from tests.harness.schedules.simulated import Op, Programs, Ran


def ops(text: str) -> list[Op]:
    """ "read x" is "rx"; w: write, s: set, l: lock, u: unlock: "lm rx sx um"."""
    kinds = {"r": "read", "w": "write", "s": "set", "l": "lock", "u": "unlock"}
    return [Op(kinds[word[0]], word[1:]) for word in text.split()]


def rare_update() -> Programs:
    """Two actors of 34 points each that update x without a lock, one early and one late, in a window of two steps."""
    return {"a": alone("a", 4) + ops("rx sx") + alone("a", 28), "b": alone("b", 28) + ops("rx sx") + alone("b", 4)}


def shallow_update() -> Programs:
    """The same, with the update in the middle of both, and reads of x all around it."""
    return {name: alone(name, 3) + ops("rx") + alone(name, 9) + ops("sx") + alone(name, 3) for name in "ab"}


def alone(name: str, count: int) -> list[Op]:
    """Points that touch only what is the actor's own."""
    return [Op("write", f"{name}/{number}") for number in range(count)]


def lost(ran: Ran) -> bool:
    """Whether one of two updates of x is gone."""
    return not ran.stuck and ran.values["x"] == 1


def classes(trace: Trace) -> frozenset[tuple[str, str]]:
    """What names the trace's Mazurkiewicz class: the order of each two dependent points."""
    points = trace.points
    return frozenset(
        (str(one), str(other))
        for place, one in enumerate(points)
        for other in points[place + 1 :]
        if dependent(one, other)
    )


def drawn(chance: random.Random, *, actors: int = 3, length: int = 6) -> Programs:
    """Small random programs on two variables and two locks; each releases what it took, in any order of taking."""
    return {f"a{number}": _program(chance, chance.randint(1, length)) for number in range(actors)}


def _program(chance: random.Random, length: int) -> list[Op]:
    found: list[Op] = []
    held: list[str] = []
    for _ in range(length):
        kind = chance.choice(["read", "write", "set", "lock", "unlock"])
        free = [name for name in "mn" if name not in held]
        if kind == "lock" and free:
            held.append(chance.choice(free))
            found.append(Op("lock", held[-1]))
        elif kind == "unlock" and held:
            found.append(Op("unlock", held.pop()))
        elif kind in ("read", "write", "set"):
            found.append(Op(kind, chance.choice("xy")))
    return found + [Op("unlock", name) for name in reversed(held)] or [Op("read", "x")]


def order(points: Sequence[Point]) -> str:
    """The actors of a trace in turn: "aabba"."""
    return "".join(point.actor for point in points)
