"""One run's decisions as sparse data: only where it left the default policy, and the faults.

The default policy: the actor that went last goes on if it can, else the first by name of those that can. So a run that
nobody disturbed is an empty list, each further entry is a complication, and shrinking means removing entries. The text
form is what a person copies from a report: "add-lane0.5>add-lane2;add-lane2.7!ENOSPC".
"""

from __future__ import annotations

import errno
import re
import signal
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from harness.errors import UsageError
from harness.schedules.points import Point, started
from harness.schedules.strategies.spins import Polls
from harness.schedules.strategy import Choice
from harness.schedules.trace import Trace

STOP, STALL = "SIGSTOP", "stall"  # a pause, and one that is so long that time limits pass
PAUSES = (STOP, STALL)
NOTHING = "-"  # the text of no decisions: an empty word is lost on a command line

_NAME = r"[^\s;>!]+"
_INDEX = r"0|[1-9][0-9]{0,8}"
_SWITCH = re.compile(rf"(?P<actor>{_NAME})\.(?P<index>{_INDEX})>(?P<other>{_NAME})")
_FAULT = re.compile(rf"(?P<actor>{_NAME})\.(?P<index>{_INDEX})!(?P<what>[A-Za-z0-9]+)")
_ABSENT = re.compile(rf"(?P<actor>{_NAME})!absent")
_WORDS = ("short", "torn", "kill", "stall")  # the faults that are neither an errno nor a signal
_HINT = 'copy the whole list from a report, quoted: "add-lane0.5>add-lane2;add-lane2.7!ENOSPC"'


class FaultKind(Enum):
    """What can be done to an actor at one of its points."""

    ERRNO = "the call fails and nothing happened"
    SHORT = "the call moves fewer bytes than it was asked to"
    TORN = "the call moves half of its bytes, and the actor is killed with all its processes"
    KILL = "the actor is killed with all its processes, and the call does not happen"
    SIGNAL = "the process gets a signal, then the call goes on; not after SIGKILL, which ends this process alone"
    STALL = "the actor is stopped after the call for so long that others' time limits pass"


@dataclass(frozen=True, slots=True)
class Switch:
    """Instead of the actor's point of that index, which the default policy would take, another actor goes."""

    actor: str
    index: int
    other: str

    def __post_init__(self) -> None:
        _check_place(self.actor, self.index)
        _check_name(self.other)

    def __str__(self) -> str:
        return f"{self.actor}.{self.index}>{self.other}"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at the actor's point of that index: "ENOSPC", "short", "torn", "kill", "stall" or "SIGTERM"."""

    actor: str
    index: int
    what: str

    def __post_init__(self) -> None:
        _check_place(self.actor, self.index)
        if self.what not in (*_WORDS, *errno.errorcode.values(), *signal.Signals.__members__):
            raise UsageError(
                f"there is no fault {self.what!r}",
                hint="a fault is an errno such as ENOSPC, short, torn, kill, stall, or a signal such as SIGTERM",
            )

    @property
    def kind(self) -> FaultKind:
        if self.what in _WORDS:
            return FaultKind[self.what.upper()]
        return FaultKind.SIGNAL if self.what in signal.Signals.__members__ else FaultKind.ERRNO

    @property
    def pauses(self) -> bool:
        """Whether the actor's process is stopped, and goes on later."""
        return self.what in PAUSES

    @property
    def number(self) -> int:
        """The errno or the signal; 0 for a short write, SIGKILL for what kills, SIGSTOP for a stall."""
        match self.kind:
            case FaultKind.ERRNO:
                return int(getattr(errno, self.what))
            case FaultKind.SIGNAL:
                return int(signal.Signals[self.what])
            case FaultKind.KILL | FaultKind.TORN:
                return int(signal.SIGKILL)
            case FaultKind.STALL:
                return int(signal.SIGSTOP)
            case FaultKind.SHORT:
                return 0

    def __str__(self) -> str:
        return f"{self.actor}.{self.index}!{self.what}"


@dataclass(frozen=True, slots=True)
class Absent:
    """The actor is not started at all; what is left when shrinking has found that it plays no part."""

    actor: str

    def __post_init__(self) -> None:
        _check_name(self.actor)

    def __str__(self) -> str:
        return f"{self.actor}!absent"


Entry = Switch | Fault | Absent


@dataclass(frozen=True, slots=True)
class Decisions:
    """All entries of a run, in the order in which they took effect. Several switches at one point apply in turn."""

    entries: tuple[Entry, ...] = ()

    def __post_init__(self) -> None:
        places = [(fault.actor, fault.index) for fault in self.faults]
        if len(places) != len(set(places)):
            raise UsageError(f"two faults at one point: {self}", hint="give each point one fault at most")

    @property
    def switches(self) -> tuple[Switch, ...]:
        """At least as many as preemptions: some only say who is next when an actor has ended or waits for a lock."""
        return tuple(entry for entry in self.entries if isinstance(entry, Switch))

    @property
    def faults(self) -> tuple[Fault, ...]:
        return tuple(entry for entry in self.entries if isinstance(entry, Fault))

    @property
    def absent(self) -> frozenset[str]:
        return frozenset(entry.actor for entry in self.entries if isinstance(entry, Absent))

    def fault_at(self, point: Point) -> Fault | None:
        """What the conductor does to this point."""
        return next((f for f in self.faults if f.actor == point.actor and f.index == point.index), None)

    def __str__(self) -> str:
        return ";".join(map(str, self.entries)) or NOTHING

    @staticmethod
    def parse(text: str) -> Decisions:
        """Read the text form. Raises UsageError for anything else."""
        return Decisions(() if text == NOTHING else tuple(map(_parse_entry, text.split(";"))))

    @staticmethod
    def from_trace(trace: Trace, faults: Iterable[Fault] = (), absent: Iterable[str] = ()) -> Decisions:
        """The decisions that lead to this trace; a fault whose point did not come is left out, as it did nothing."""
        planned = {(fault.actor, fault.index): fault for fault in faults}
        entries: list[Entry] = [Absent(actor) for actor in sorted(absent)]
        last: Point | None = None
        for step in trace.steps:
            usual, chosen = default(step.enabled, last), step.chosen
            if chosen.actor != usual.actor:
                entries.append(Switch(usual.actor, usual.index, chosen.actor))
            if fault := planned.get((chosen.actor, chosen.index)):
                entries.append(fault)
            last = chosen
        return Decisions(tuple(entries))


class Follow:
    """The strategy that does what decisions say; a switch to an actor that cannot go on is passed over.

    It is for shrinking, where a candidate need not fit. So who polls for what only others can do makes room for them,
    where decisions say nothing. What must repeat a run exactly is `replay.Replay`.
    """

    def __init__(self, decisions: Decisions) -> None:
        self._polls = Polls()
        self._turns: dict[str, int] = {}  # by actor: when it went last
        self._waiting: dict[tuple[str, int], deque[str]] = defaultdict(deque)
        for switch in decisions.switches:
            self._waiting[switch.actor, switch.index].append(switch.other)

    def choose(self, choice: Choice) -> Point:
        polls = self._polls.caught(choice)
        if choice.last is not None:
            self._turns[started(choice.last.actor)] = choice.step
        usual = default(choice.enabled, choice.last)
        others = self._waiting[usual.actor, usual.index]
        by_actor = {point.actor: point for point in choice.enabled}
        while others:
            other = others.popleft()
            if other in by_actor:
                return by_actor[other]
            self.passed_over(usual, other)
        return self.relieved(usual, choice) if polls else usual

    def relieved(self, usual: Point, choice: Choice) -> Point:
        """Who goes instead of an actor that polls: of the others, if there are any, who has waited for longest.

        Else another process of its own, for which it may wait.
        """
        others = [point for point in choice.enabled if started(point.actor) != started(usual.actor)]
        siblings = (point for point in choice.enabled if point.actor != usual.actor)
        return min(others, key=lambda point: self._turns.get(started(point.actor), -1), default=next(siblings, usual))

    def passed_over(self, usual: Point, other: str) -> None:
        """Called when `other` should have gone instead of `usual`, but cannot."""


def default(enabled: Sequence[Point], last: Point | None) -> Point:
    """Who goes if nobody decides: the actor that went last, else the first by name."""
    going_on = (point for point in enabled if last is not None and point.actor == last.actor)
    return next(going_on, None) or min(enabled, key=lambda point: point.actor)


def _parse_entry(text: str) -> Entry:
    if found := _SWITCH.fullmatch(text):
        return Switch(found["actor"], int(found["index"]), found["other"])
    if found := _ABSENT.fullmatch(text):
        return Absent(found["actor"])
    if found := _FAULT.fullmatch(text):
        return Fault(found["actor"], int(found["index"]), found["what"])
    raise UsageError(f"{text!r} is not a decision", hint=_HINT)


def _check_place(actor: str, index: int) -> None:
    _check_name(actor)
    if not 0 <= index < 10**9:
        raise UsageError(f"{index} is not the number of a point", hint="points are counted from 0")


def _check_name(name: str) -> None:
    if not re.fullmatch(_NAME, name) or not name.isprintable():
        raise UsageError(f"{name!r} cannot name an actor", hint="an actor's name has no space, no ; no > and no !")
