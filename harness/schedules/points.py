"""What a schedule is made of: points at which an actor waits for leave to go on.

A point is one event that the harness can order: a stopped system call, a held reply of a fake, a start. Nothing here
knows a process, a socket or a clock. The names are stable over runs, so that a point of one run is found in another.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

# What stands before a folder's path for the names in it, as an object of its own. Who lists them wants them to himself,
# who makes or removes one shares them: so two creations commute, and a listing and a creation do not.
NAMES_IN = "names-in:"
# The same for what a path leads through: whoever makes, moves or removes a folder changes what all names below it mean.
PATHS_BELOW = "paths-below:"
# And for the record locks of a file, some of which overlap.
RECORDS_OF = "records-of:"
# And for a lock of which its holder lets go without a call of its own: by closing the file, or by ending.
HELD = "held:"
# The same for a socket at which nobody listens any more.
ANSWERED = "answered:"
# And for what a file holds that has several names, by its inode.
CONTENT_OF = "content-of:"
# And for what a look tells: that a file is there, its length, mode and times. Who looks by a call that is no point has
# read this, and nothing else of it.
FACTS_OF = "facts-of:"
# And for a process that another one asks for: its end changes it, whoever asks whether it is there reads it.
PROCESS = "process:"
UNTOLD = (NAMES_IN, PATHS_BELOW, RECORDS_OF, HELD, ANSWERED, CONTENT_OF, FACTS_OF)
# What differs from run to run in a file's name: a pid, a time, a random word of mkstemp's or of a UUID; and the folder
# of a git object, which has the first two digits of a digest that a commit's time is in.
_CHANGING = re.compile(
    r"(?<![A-Za-z0-9])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{3,}|tmp[a-z0-9_]{8}"
    r"|(?<=objects/)[0-9a-f]{2}|(?=[A-Za-z0-9_]*\d)[A-Za-z0-9_]{8,})(?![A-Za-z0-9])"
)
# Which bytes a record lock is about: the same in every run, and what tells one lock of a file from another.
_RECORD = re.compile(r"^lock:.*(@-?\d+\+-?\d+)$", re.DOTALL)
# An abstract name is the whole machine's, so that programs make it of what no other run has: an inode, a digest.
_ABSTRACT = re.compile(r"^((?:[a-z-]+:)?@)")
# A shorter number is a pid too, in a container that has just begun; but mostly it tells one slot or lane from another.
_SHORT_NUMBER = re.compile(r"(?<![A-Za-z0-9])\d{1,2}(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True, order=True)
class Touch:
    """One object that a point reads or changes: a path below the run's folder, or "lock:" and a path, or one untold."""

    object: str
    writes: bool
    tells: bool = True  # whether who reads learns what the object holds, and not only that it is there
    alike: str = ""  # the object with a "*" for what a program has drawn by chance (mkstemp); "" where there is none
    behind: bool = False  # whether this was found out only when the point had gone: it belongs to its turn
    taken: bool = False  # whether the call was to make the object, and found it there

    @property
    def lasting(self) -> str:
        """The object's name without what differs from run to run."""
        return lasting(self.alike or self.object)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One event that waits for its turn, or had it."""

    actor: str  # "add-lane2"; "add-lane2/1" for the first process that it started, and so on
    index: int  # how many points of this actor came before
    call: str  # "rename", "flock", "reply", …
    touches: tuple[Touch, ...]

    @property
    def fingerprint(self) -> str:
        """The call and its objects without what differs from run to run: "rename openclaw.json.*.tmp openclaw.json"."""
        return shape(" ".join([self.call, *(touch.lasting for touch in named(self.touches))]))

    @property
    def attempt(self) -> str:
        """What is asked for within one run, where a short number tells one object from another: "openat slot.2"."""
        return " ".join([self.call, *(lasting(touch.object) for touch in named(self.touches))])

    def __str__(self) -> str:
        return f"{self.actor}.{self.index}: {' '.join([self.call, *(touch.object for touch in named(self.touches))])}"


def started(actor: str) -> str:
    """The actor that was started, of which this one may be a process: "add-lane2" of "add-lane2/1"."""
    return actor.partition("/")[0]


def named(touches: Iterable[Touch]) -> tuple[Touch, ...]:
    """Those that a person is told of; the others follow from these."""
    return tuple([touch for touch in touches if not (touch.behind or touch.object.startswith(UNTOLD))])


@lru_cache(maxsize=4096)  # asked for every point, several times
def lasting(name: str) -> str:
    """An object's name without what differs from run to run: "openclaw.json.*.tmp"."""
    if abstract := _ABSTRACT.match(name):
        return f"{abstract[1]}*"
    record = _RECORD.match(name)
    end = record.start(1) if record else len(name)
    return _CHANGING.sub("*", name[:end]) + name[end:]


def shape(name: str) -> str:
    """The same over runs, where a short number may be a pid: "openat slot.*"."""
    return _SHORT_NUMBER.sub("*", lasting(name))


def dependent(one: Point, other: Point) -> bool:
    """Whether the order of two points can matter: one actor's always does, else one changes what the other touches."""
    return one.actor == other.actor or racing(one, other)


def racing(one: Point, other: Point) -> bool:
    """Whether points of two actors touch one object, and one of them changes it."""
    if one.actor == other.actor:
        return False
    return any(a.object == b.object and (a.writes or b.writes) for a in one.touches for b in other.touches)


def contested(points: Iterable[Point]) -> frozenset[Point]:
    """Those that race with another one among them."""
    points = tuple(points)
    touching: dict[str, set[str]] = defaultdict(set)  # by object: the actors
    changing: dict[str, set[str]] = defaultdict(set)
    for point in points:
        for touch in point.touches:
            touching[touch.object].add(point.actor)
            changing[touch.object].update([point.actor] if touch.writes else [])
    return frozenset(
        point
        for point in points
        if any((touching if t.writes else changing)[t.object] - {point.actor} for t in point.touches)
    )
