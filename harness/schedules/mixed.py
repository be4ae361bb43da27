"""Who has read one thing as it was before another one's change, and one as it was after it.

Nothing is overwritten then, and still what was read fits nobody's idea of the whole: the sum of two accounts, an index
and what it points to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.schedules.points import Point, named, started


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """One of the two: what was read, and the change that it was read before, or after."""

    reader: str
    object: str
    read: Point
    change: Point


def mixed(points: Sequence[Point], first: Point, second: Point) -> tuple[Half, Half] | None:
    """The old half and the new one, of which one consists of the two points that decide; None if there are none."""
    deciding = {first, second}
    pairs = [(old, new) for old in reversed(list(_old(points))) for new in _new(points) if _fit(old, new)]
    return next((pair for pair in pairs if any({half.read, half.change} == deciding for half in pair)), None)


def _fit(old: Half, new: Half) -> bool:
    """Whether one actor read both, of which another changed both."""
    same_reader = started(old.read.actor) == started(new.read.actor)
    return same_reader and started(old.change.actor) == started(new.change.actor) and old.object != new.object


def _old(points: Sequence[Point]) -> Iterator[Half]:
    """What was read for the last time before another one's next change of it."""
    for place, read, name in _reads(points):
        later = points[place + 1 :]
        change = next((point for point in later if _touches(point, name, writes=True)), None)
        again = any(_touches(p, name, writes=False) and started(p.actor) == started(read.actor) for p in later)
        if change is not None and started(change.actor) != started(read.actor) and not again:
            yield Half(reader=read.actor, object=name, read=read, change=change)


def _new(points: Sequence[Point]) -> Iterator[Half]:
    """What was read after another one's change of it."""
    for place, read, name in _reads(points):
        change = next((point for point in reversed(points[:place]) if _touches(point, name, writes=True)), None)
        if change is not None and started(change.actor) != started(read.actor):
            yield Half(reader=read.actor, object=name, read=read, change=change)


def _reads(points: Sequence[Point]) -> Iterator[tuple[int, Point, str]]:
    """Who asks for a connection learns that somebody is there, and reads nothing."""
    for place, point in enumerate(points):
        for touch in named(point.touches) if point.call != "connect" else ():
            if not touch.writes and touch.tells and not touch.object.startswith("lock:"):
                yield place, point, touch.object


def _touches(point: Point, name: str, *, writes: bool) -> bool:
    return any(touch.object == name and touch.writes == writes for touch in named(point.touches))
