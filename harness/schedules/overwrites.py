"""Who changed what another one had changed, and knew at best what had been there before.

Only what points say of themselves is used: calls and objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.schedules.points import UNTOLD, Point, Touch, named, started

LOOKS = frozenset({"stat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2"})
# What changes nothing that stands in a file: who only does this after another one's change overwrites nothing of it.
MARKS = frozenset({
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat",
    "utime", "utimes", "futimesat", "utimensat",
})  # fmt: skip

Who = Callable[[Point], str]  # whose point it is: what one process of an actor has read, the actor may know


@dataclass(frozen=True, slots=True, kw_only=True)
class Overwrite:
    """One actor changed an object after another one had, and knew at best what had been there before."""

    object: str
    earlier: Point
    later: Point
    read: Point | None  # the later one's last read of the object, before the earlier change
    own: Point | None  # instead of that its own last change, behind which the earlier one has come


def command(point: Point) -> str:
    """The actor that was started."""
    return started(point.actor)


def process(point: Point) -> str:
    """The process by itself, as another one of its actor's may be who overwrites its changes."""
    return point.actor


def overwrites(points: Sequence[Point], who: Who = command) -> Iterator[Overwrite]:
    """Every change that was made in ignorance of the one before it, in order."""
    found = (_overwrite(points, place, name, who) for place, name in _changes(points))
    return (overwrite for overwrite in found if overwrite)


def _changes(points: Sequence[Point]) -> Iterator[tuple[int, str]]:
    """The place of each change, and what it changes."""
    for place, later in enumerate(points):
        for touch in effects(later):
            if touch.writes and not touch.object.startswith(("lock:", *UNTOLD)):
                yield place, touch.object


def _overwrite(points: Sequence[Point], place: int, name: str, who: Who) -> Overwrite | None:
    """The last change of the object by another actor, if the actor at `place` neither read nor changed it since."""
    later = points[place]
    contents = later.call not in MARKS  # what it has only marked it neither knows nor has made
    before = (p for p in points[:place] if not (contents and p.call in MARKS and who(p) == who(later)))
    touching = [p for p in before if any(t.object == name and (t.writes or t.tells) for t in effects(p))]
    own = [number for number, point in enumerate(touching) if who(point) == who(later)]
    own = [number for number in own if touching[number].call not in LOOKS] or own  # who has read it knows more by that
    since = touching[own[-1] + 1 :] if own else touching
    changes = [point for point in since if writes(point, name) and who(point) != who(later)]
    if not changes:
        return None
    last = touching[own[-1]] if own else None
    changed = last is not None and writes(last, name)
    read, changed_by = (None, last) if changed else (last, None)
    return Overwrite(object=name, earlier=changes[-1], later=later, read=read, own=changed_by)


def handed_on(points: Sequence[Point]) -> Overwrite | None:
    """The last change whose process may have been given what another one of its actor had read before the one before.

    As in a shell that calls one program to read and one to write: the latter may read as well, and write what it was
    told all the same.
    """
    found = (_told_before(points, place, name) for place, name in _changes(points))
    return max(filter(None, found), key=lambda it: points.index(it.later), default=None)


def _told_before(points: Sequence[Point], place: int, name: str) -> Overwrite | None:
    later = points[place]
    if later.call in MARKS:
        return None
    touching = [p for p in points[:place] if any(t.object == name and (t.writes or t.tells) for t in effects(p))]
    brothers = [n for n, p in enumerate(touching) if command(p) == command(later) and p.actor != later.actor]
    if not brothers or writes(read := touching[brothers[-1]], name):
        return None
    since = touching[brothers[-1] + 1 :]
    changes = [p for p in since if writes(p, name) and command(p) != command(later) and p.call not in MARKS]
    return Overwrite(object=name, earlier=changes[-1], later=later, read=read, own=None) if changes else None


def writes(point: Point, name: str) -> bool:
    """Whether the call changed the object."""
    return any(touch.object == name and touch.writes for touch in effects(point))


def effects(point: Point) -> Sequence[Touch]:
    """Its touches without the file that a link gives another name (a backup): that neither reads nor changes it."""
    if point.call not in ("link", "linkat"):  # as nearly always: asked for each pair of points
        return point.touches
    changed = [touch for touch in named(point.touches) if touch.writes]
    source = changed[0] if len(changed) > 1 else None
    return [touch for touch in point.touches if touch is not source]
