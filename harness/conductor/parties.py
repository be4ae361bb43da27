"""Who the scheduler deals with beside the actors it stops: what it must know of them, replies of fakes, strategies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from harness.schedules.points import Point


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


@runtime_checkable
class Finishing(Protocol):
    """A strategy that has something to say when the run is over."""

    def finish(self) -> None: ...
