"""What a point touches besides what is seen of it while it waits: a call may have changed more when it has gone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from harness.schedules.points import Point, Touch


class Effects:
    """What points were found to touch only when they had gone: who sleeps has gone before, in another order."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, str], tuple[Touch, ...]] = {}

    def learn(self, points: Iterable[Point]) -> None:
        """Keep what was found out behind the points of a run."""
        for point in points:
            if found := [touch for touch in point.touches if touch.behind]:
                key = point.actor, point.index, point.fingerprint
                self._known[key] = tuple({*found, *self._known.get(key, ())})

    def whole(self, point: Point) -> Point:
        """The point with all that it is known to touch."""
        more = self._known.get((point.actor, point.index, point.fingerprint), ()) if self._known else ()
        return replace(point, touches=(*point.touches, *more)) if more else point
