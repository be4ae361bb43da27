"""Who the scheduler deals with beside the actors it stops: what it must know of them, replies of fakes, strategies."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from harness.schedules.points import Point, Touch


class Trees(Protocol):
    """What the scheduler must know of the actors beside their calls."""

    def processes(self, actor: str) -> frozenset[int]:
        """All processes of an actor that are alive."""
        ...


class Reply(Protocol):
    """A reply that a fake holds."""

    def waits(self) -> bool: ...

    def go(self) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A reply and its point."""

    point: Point
    reply: Reply


class Replies:
    """The replies that wait, each a point of its own, named after whose it is or which."""

    def __init__(self) -> None:
        self._held: list[Held] = []
        self._count: Counter[str] = Counter()  # by name: how many there were

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, name: str, touches: tuple[Touch, ...], reply: Reply) -> None:
        point = Point(actor=name, index=self._count[name], call="reply", touches=touches)
        self._count[name] += 1
        self._held.append(Held(point, reply))

    def waiting(self) -> list[Held]:
        """The first of each name; one whose client has left is no choice any more."""
        self._held = [held for held in self._held if held.reply.waits()]
        first: dict[str, Held] = {}
        for held in self._held:
            first.setdefault(held.point.actor, held)
        return list(first.values())

    def go(self, held: Held) -> None:
        self._held.remove(held)
        held.reply.go()

    def all_go(self) -> None:
        for held in self._held:
            held.reply.go()


@runtime_checkable
class Finishing(Protocol):
    """A strategy that has something to say when the run is over."""

    def finish(self) -> None: ...
