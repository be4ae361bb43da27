"""What a schedule did, in one sentence.

Only what points say of themselves is used: calls and objects. A sentence about a read rests on a recorded read; where
reads were not recorded it says that there may have been one, and why, and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from harness.schedules.decisions import Fault, FaultKind
from harness.schedules.mixed import mixed
from harness.schedules.neighbour import Neighbour
from harness.schedules.overwrites import (
    LOOKS,
    MARKS,
    Overwrite,
    Who,
    command,
    handed_on,
    overwrites,
    process,
)
from harness.schedules.points import (
    ANSWERED,
    FACTS_OF,
    HELD,
    NAMES_IN,
    PROCESS,
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
_SEEN = {"connect": "asked for a connection to", **dict.fromkeys(LOOKS, "looked at")}
_PAST = {"written": "wrote"}
# Bytes of a database that SQLite locks, and what it calls these locks (sqlite.org/lockingv3.html; os.h, PENDING_BYTE).
_OF_SQLITE = {"@1073741824+1": "PENDING", "@1073741825+1": "RESERVED", "@1073741826+510": "SHARED"}

_NO_ORDER = "no order of the calls was found in which it does not happen"


def explain(
    trace: Trace, faults: Iterable[Fault] = (), neighbour: Neighbour | None = None, *, sought: bool = False
) -> str:
    """One sentence: who overwrote whose change of what, else whose order decides; then the faults that came.

    `sought` says that a passing schedule was looked for: where there is no neighbour, none was found.
    """
    told = list(_faults(trace.points, faults))
    found = _told_of(trace.points, neighbour)
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


def _told_of(points: Sequence[Point], neighbour: Neighbour | None) -> Overwrite | None:
    """The overwriting that is told of: of a process by its brother, where these decide, else of an actor by another."""
    if neighbour and command(neighbour.first) == command(neighbour.second):
        found = _most_telling(points, neighbour, process)
        if found and found.read:
            return found
    found = _most_telling(points, neighbour, command)
    return found if found and (found.read or found.own) else handed_on(points) or found


def _most_telling(points: Sequence[Point], neighbour: Neighbour | None, who: Who) -> Overwrite | None:
    """With a read seen, then one that concerns the deciding points, replaces; a mark in last resort; the last of these.

    That a folder is there, whoever makes sure of it has seen, and programs set its mode again and again.
    """
    deciding = (
        {touch.object for p in (neighbour.first, neighbour.second) for touch in p.touches} if neighbour else set()
    )
    first = {who(point): place for place, point in reversed(list(enumerate(points)))}

    def telling(found: Overwrite) -> tuple[bool, bool, bool, bool, bool]:
        contents, read = found.later.call not in MARKS, found.read is not None
        replaces = _done(found.later, found.object) == "replaced"
        return contents and read, found.object in deciding, contents, read, replaces

    likely = [
        o for o in overwrites(points, who)
        if o.read or (first[who(o.later)] < points.index(o.earlier) and not _makes_anew(o))
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
    begun = next(point for point in points if command(point) == command(later))
    how = "started" if begun.call == "start" else "begun"
    return f"{what} {after}; {begun.actor} had {how} before that, and may have seen what was there then"


def _unlocked(first: Point, last: Point, points: Sequence[Point]) -> str:
    """The lock that an actor lets go of by closing a file, in the middle of what it does from `first` to `last`."""
    own = [p for p in points[points.index(first) : points.index(last)] if command(p) == command(last)]
    for point in own:
        files = [t.object.removeprefix(HELD) for t in point.touches if t.behind and t.object.startswith(HELD)]
        if files:
            return f", and let go of the lock of {' and '.join(files)} behind its {point.call}"
    return ""


def _lists(points: Sequence[Point], by: Point, name: str) -> bool:
    """Whether the actor of `by` has asked which names there are where this one is."""
    names = NAMES_IN + (name.rpartition("/")[0] or ".")
    return any(t.object == names and t.writes for p in points if command(p) == command(by) for t in p.touches)


def _glances(points: Sequence[Point], by: Point, name: str) -> bool:
    """Whether the actor of `by` has looked at the object by a call without a turn."""
    facts = FACTS_OF + name
    return any(t.object == facts and t.behind for p in points if command(p) == command(by) for t in p.touches)


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
