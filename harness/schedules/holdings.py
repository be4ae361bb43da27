"""Who has which lock at which point of a trace, as far as the points show it.

A point shows that a lock was touched, not whether it was taken or given up: every second touch of an actor gives it up.
A lock that two actors seem to have at once was only tried, or is shared, and keeps nobody out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from harness.schedules.points import Point


def locks_of(point: Point) -> frozenset[str]:
    """The locks that a point touches."""
    return frozenset(touch.object for touch in point.touches if touch.object.startswith("lock:"))


class Holdings:
    """The locks of one trace's actors."""

    def __init__(self, points: Iterable[Point], lanes: Sequence[Sequence[Point]]) -> None:
        """`points` in the order of the trace, and the same by actor."""
        open_to_all = _had_by_two(points)
        self._held: list[list[frozenset[str]]] = []
        for lane in lanes:
            held = [frozenset[str]()]
            for point in lane:
                held.append(held[-1] ^ (locks_of(point) - open_to_all))
            self._held.append(held)

    def held(self, actor: int, count: int) -> frozenset[str]:
        """What an actor has after so many of its points."""
        return self._held[actor][count]

    def taken(self, actor: int, place: int) -> frozenset[str]:
        """What the point at this place of an actor's takes."""
        return self._held[actor][place + 1] - self._held[actor][place]


def _had_by_two(points: Iterable[Point]) -> frozenset[str]:
    """The locks for which an actor asked while another had them, and went on."""
    holders: dict[str, set[str]] = defaultdict(set)
    found = set()
    for point in points:
        for lock in locks_of(point):
            holders[lock] ^= {point.actor}
            if len(holders[lock]) > 1:
                found.add(lock)
    return frozenset(found)
