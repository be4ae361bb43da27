"""What a schedule did, in one sentence.

Only what points say of themselves is used: calls and objects. A sentence about a read rests on a recorded read; where
reads were not recorded it says that there may have been one, and why, and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.schedules.decisions import Fault, FaultKind
from harness.schedules.mixed import mixed
from harness.schedules.neighbour import Neighbour
from harness.schedules.points import (
    ANSWERED,
    FACTS_OF,
    HELD,
    NAMES_IN,
    PROCESS,
    UNTOLD,
    Point,
    Touch,
    named,
    started,
)
from harness.schedules.trace import Trace

# What a call did to its object, as a past participle; "changed" for all others.
_DONE = {
    **dict.fromkeys(["rename", "renameat", "renameat2"], "replaced"),
    **dict.fromkeys(["unlink", "unlinkat", "rmdir"], "removed"),
    **dict.fromkeys(["open", "openat", "openat2", "creat"], "opened"),
    **dict.fromkeys(["write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile", "splice"], "written"),
    **dict.fromkeys(["mkdir", "mkdirat", "mknod", "mknodat"], "made"),
    **dict.fromkeys(["link", "linkat", "symlink", "symlinkat"], "linked"),
    "bind": "bound",
    "listen": "listened on",
}
# What a call that changes nothing did to its object; "read" for all others.
_LOOKS = frozenset({"stat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2"})
_SEEN = {"connect": "asked for a connection to", **dict.fromkeys(_LOOKS, "looked at")}
_PAST = {"written": "wrote"}
# What changes nothing that stands in a file: who only does this after another one's change overwrites nothing of it.
_MARKS = frozenset({
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat",
    "utime", "utimes", "futimesat", "utimensat",
})  # fmt: skip
# Bytes of a database that SQLite locks, and what it calls these locks (sqlite.org/lockingv3.html; os.h, PENDING_BYTE).
_OF_SQLITE = {"@1073741824+1": "PENDING", "@1073741825+1": "RESERVED", "@1073741826+510": "SHARED"}

_NO_ORDER = "no order of the calls was found in which it does not happen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overwrite:
    """One actor changed an object after another one had, and knew at best what had been there before."""

    object: str
    earlier: Point
    later: Point
    read: Point | None  # the later one's last read of the object, before the earlier change
    own: Point | None  # instead of that its own last change, behind which the earlier one has come


def explain(
    trace: Trace, faults: Iterable[Fault] = (), neighbour: Neighbour | None = None, *, sought: bool = False
) -> str:
    """One sentence: who overwrote whose change of what, else whose order decides; then the faults that came.

    `sought` says that a passing schedule was looked for: where there is no neighbour, none was found.
    """
    told = list(_faults(trace.points, faults))
    found = _most_telling(trace.points, neighbour)
    if found is not None and (found.read or found.own or neighbour or not sought):
        said = _overwritten(found, trace.points)
    elif neighbour is not None and (halves := mixed(trace.points, neighbour.first, neighbour.second)):
        old, new = halves
        before = f"before {old.change.actor} had {_done(old.change, old.object)} it"
        after = f"after that one had been {_done(new.change, new.object)} too"
        said = f"{old.reader} read {old.object} {before}, and {new.object} {after}"
    elif neighbour is not None:
        first, second = neighbour.first, neighbour.second
        before, after = _at(first) + _behind(first, second), _at(second) + _behind(second, first)
        said = f"what decides is that {before} comes before {after}"
    elif told:
        return "; ".join(told)
    else:
        said = _NO_ORDER if sought else "no actor undid what another one had changed"
    return "; ".join([said, *told])


def overwrites(points: Sequence[Point]) -> Iterator[Overwrite]:
    """Every change that was made in ignorance of the one before it, in order."""
    for place, later in enumerate(points):
        for touch in _effects(later):
            if touch.writes and not touch.object.startswith(("lock:", *UNTOLD)):
                found = _overwrite(points, place, touch.object)
                yield from [found] if found else []


def _overwrite(points: Sequence[Point], place: int, name: str) -> Overwrite | None:
    """The last change of the object by another actor, if the actor at `place` neither read nor changed it since."""
    later = points[place]
    contents = later.call not in _MARKS  # what it has only marked it neither knows nor has made
    before = (p for p in points[:place] if not (contents and p.call in _MARKS and _started(p) == _started(later)))
    touching = [p for p in before if any(t.object == name and (t.writes or t.tells) for t in _effects(p))]
    own = [number for number, point in enumerate(touching) if _started(point) == _started(later)]
    own = [number for number in own if touching[number].call not in _LOOKS] or own  # who has read it knows more by that
    since = touching[own[-1] + 1 :] if own else touching
    changes = [point for point in since if _writes(point, name) and _started(point) != _started(later)]
    if not changes:
        return None
    last = touching[own[-1]] if own else None
    changed = last is not None and _writes(last, name)
    read, changed_by = (None, last) if changed else (last, None)
    return Overwrite(object=name, earlier=changes[-1], later=later, read=read, own=changed_by)


def _most_telling(points: Sequence[Point], neighbour: Neighbour | None) -> Overwrite | None:
    """With a read seen, then one that concerns the deciding points, replaces; a mark in last resort; the last of these.

    That a folder is there, whoever makes sure of it has seen, and programs set its mode again and again.
    """
    deciding = (
        {touch.object for p in (neighbour.first, neighbour.second) for touch in p.touches} if neighbour else set()
    )
    first = {_started(point): place for place, point in reversed(list(enumerate(points)))}

    def telling(found: Overwrite) -> tuple[bool, bool, bool, bool, bool]:
        contents, read = found.later.call not in _MARKS, found.read is not None
        replaces = _done(found.later, found.object) == "replaced"
        return contents and read, found.object in deciding, contents, read, replaces

    likely = [
        o for o in overwrites(points)
        if o.read or (first[_started(o.later)] < points.index(o.earlier) and not _makes_anew(o))
    ]  # fmt: skip
    return max(reversed(likely), key=telling, default=None)


def _makes_anew(found: Overwrite) -> bool:
    """Whether it only makes what another one has taken away, as a lock file or a journal."""
    taken = _done(found.earlier, found.object) in ("removed", "renamed")
    return taken and _done(found.later, found.object) in ("opened", "made", "linked", "bound")


def _overwritten(found: Overwrite, points: Sequence[Point]) -> str:
    later, earlier = found.later, found.earlier
    done, before = _done(later, found.object), _done(earlier, found.object)
    what = f"{later.actor} {_PAST.get(done, done)} {found.object} at its {later.call}"
    after = f"after {earlier.actor} had {before} {'it' if before != 'opened' else 'it for writing'}"
    if found.read is not None:
        seen = f"{found.read.actor} had {_seen(found.read, found.object)} it before"
        return f"{what} {after}; {seen}{_unlocked(found.read, later, points)}"
    if found.own is not None:
        return f"{what} {after}; that came between {found.own.actor}'s {found.own.call} of it and this one"
    if _lists(points[: points.index(earlier)], later, found.object):
        return f"{what} {after}; {later.actor} had listed its folder before that"
    if _glances(points[: points.index(earlier)], later, found.object):
        return f"{what} {after}; {later.actor} had looked at it before"
    begun = next(point for point in points if _started(point) == _started(later))
    how = "started" if begun.call == "start" else "begun"
    return f"{what} {after}; {begun.actor} had {how} before that, and may have seen what was there then"


def _unlocked(first: Point, last: Point, points: Sequence[Point]) -> str:
    """The lock that an actor lets go of by closing a file, in the middle of what it does from `first` to `last`."""
    own = [p for p in points[points.index(first) : points.index(last)] if _started(p) == _started(last)]
    for point in own:
        files = [t.object.removeprefix(HELD) for t in point.touches if t.behind and t.object.startswith(HELD)]
        if files:
            return f", and let go of the lock of {' and '.join(files)} behind its {point.call}"
    return ""


def _lists(points: Sequence[Point], by: Point, name: str) -> bool:
    """Whether the actor of `by` has asked which names there are where this one is."""
    names = NAMES_IN + (name.rpartition("/")[0] or ".")
    return any(t.object == names and t.writes for p in points if _started(p) == _started(by) for t in p.touches)


def _glances(points: Sequence[Point], by: Point, name: str) -> bool:
    """Whether the actor of `by` has looked at the object by a call without a turn."""
    facts = FACTS_OF + name
    return any(t.object == facts and t.behind for p in points if _started(p) == _started(by) for t in p.touches)


def _faults(points: Sequence[Point], faults: Iterable[Fault]) -> Iterator[str]:
    at = {(point.actor, point.index): point for point in points}
    for fault in faults:
        if point := at.get((fault.actor, fault.index)):
            yield f"{_at(point)} {_suffered(fault)}"


def _suffered(fault: Fault) -> str:
    match fault.kind:
        case FaultKind.ERRNO:
            return f"failed with {fault.what}"
        case FaultKind.SHORT:
            return "was cut short"
        case FaultKind.TORN:
            return f"was cut off in its middle, as {started(fault.actor)} was killed there"
        case FaultKind.KILL:
            return f"never happened, as {started(fault.actor)} was killed there"
        case FaultKind.SIGNAL if fault.what == "SIGKILL":
            return f"never happened, as {fault.actor} was killed there, and nothing else of its command"
        case FaultKind.SIGNAL if fault.what == "SIGSTOP":
            return "was followed by a pause (SIGSTOP), until the others had ended or could get no further"
        case FaultKind.STALL:
            return "was followed by a long pause (SIGSTOP), until the others had ended, or waited for seconds"
        case FaultKind.SIGNAL:
            return f"came with {fault.what}"


def _behind(one: Point, other: Point) -> str:
    """What one does without a call for it (end, let go of a lock), if nothing else of it concerns the other."""
    wanted = {touch.object for touch in other.touches}
    if any(touch.object in wanted for touch in named(one.touches)):
        return ""
    released = [touch.object for touch in one.touches if touch.writes and touch.object in wanted]
    files = [name.removeprefix(HELD) for name in released if name.startswith(HELD)]
    sockets = [name.removeprefix(ANSWERED) for name in released if name.startswith(ANSWERED)]
    if any(name.startswith(PROCESS) for name in released):
        return " (behind which it ends)"
    if files:
        return f" (behind which it lets go of the lock of {' and '.join(files)})"
    return f" (behind which it listens no more on {' and '.join(sockets)})" if sockets else ""


def _started(point: Point) -> str:
    return started(point.actor)


def _writes(point: Point, name: str) -> bool:
    return any(touch.object == name and touch.writes for touch in _effects(point))


def _effects(point: Point) -> Sequence[Touch]:
    """Its touches without the file that a link gives another name (a backup): that neither reads nor changes it."""
    if point.call not in ("link", "linkat"):  # as nearly always: asked for each pair of points
        return point.touches
    changed = [touch for touch in named(point.touches) if touch.writes]
    source = changed[0] if len(changed) > 1 else None
    return [touch for touch in point.touches if touch is not source]


def _called(name: str) -> str:
    """An object, with what SQLite calls its locks."""
    lock, at, record = name.rpartition("@")
    word = _OF_SQLITE.get(at + record, "") if lock.startswith("lock:") else ""
    return f"{name} ({word}, as SQLite has it)" if word else name


def _asks(touch: Touch) -> bool:
    return touch.object.startswith(PROCESS) and not touch.writes


def _done(point: Point, name: str) -> str:
    """What a call did to one of its objects. A rename replaces the last, and gives another name to the one before."""
    done = _DONE.get(point.call, "changed")
    changed = [touch.object for touch in named(point.touches) if touch.writes]
    return "renamed" if done == "replaced" and name != changed[-1] else done


def _seen(point: Point, name: str) -> str:
    """What a call that changed nothing did to one of its objects."""
    if any(touch.object == name and touch.taken for touch in point.touches):
        return "found"
    return _SEEN.get(point.call, "read")


def _at(point: Point) -> str:
    if asked := [touch.object.removeprefix(PROCESS) for touch in point.touches if _asks(touch)]:
        return f"{point.actor}'s question whether {asked[0]} is there"
    to_another = point.call.startswith(("rename", "link"))
    objects = (" to " if to_another else " and ").join(_called(touch.object) for touch in named(point.touches))
    return f"{point.actor}'s {point.call}" + (f" of {objects}" if objects else "")
