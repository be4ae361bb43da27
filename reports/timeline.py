"""The pure model of a timeline: lanes, bars and marks from a history, for every rendering.

Places are sequence numbers, because the order is the truth and the times only say when. Nothing here draws.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from reports import words
from reports.history import Entry
from reports.selection import around_the_evidence, choose

LaneKind = Literal["actor", "child", "provider", "token", "files", "harness"]
BarKind = Literal["process", "tree", "held", "exchange"]
LIMIT = 240  # events that one timeline shows

LANE_ORDER: tuple[LaneKind, ...] = ("actor", "child", "provider", "token", "files", "harness")
_MARKS = {
    "Started": "start",
    "Exited": "exit",
    "Hung": "hung",
    "TreeEnded": "tree-end",
    "Finished": "outcome",
    "Signalled": "signal",
    "CallHeld": "held",
    "CallReleased": "released",
    "CallSeen": "released",
    "Scheduled": "released",
    "FaultPlanned": "planned",
    "FaultFired": "fault",
    "FileSeen": "file",
    "FilesRecorded": "file",
    "PowerLost": "fault",
    "TreeSeen": "tree",
    "SurvivorSeen": "survivor",
    "ServiceSeen": "tree-end",
    "ChildBeat": "beat",
    "WorkspaceSeen": "file",
    "RepositorySeen": "file",
    "LockSeen": "file",
    "PortSeen": "file",
    "SecretSeen": "secret",
    "NetworkRedirected": "request",
    "NetworkRefused": "refused",
    "ConnectionRefusedHost": "refused",
    "Noted": "note",
    "RequestReceived": "request",
    "ReplyHeld": "held",
    "ReplySent": "reply",
    "TokenRequested": "request",
    "TokenAnswered": "grant",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One line of a timeline: a process that was started, a child, a fake, the files, or the harness."""

    kind: LaneKind
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Something that lasts, from one event to another. `end` is None when the history ends first."""

    lane: Lane
    kind: BarKind
    start: int
    end: int | None
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One event. `findings` are the numbers, from 1, of the findings that it is evidence for."""

    lane: Lane
    kind: str
    seq: int
    at: float
    label: str
    findings: tuple[int, ...] = ()
    actor: str = ""  # for a request, the label of the lane that it came from, where that is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What is drawn; `total` events could be, `marks` may be fewer."""

    lanes: tuple[Lane, ...]
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    total: int


def build(entries: Sequence[Entry], findings: Sequence[Sequence[int]] = (), limit: int = LIMIT) -> Timeline:
    """The timeline of a run. `findings` holds each finding's evidence; at most `limit` events are marks."""
    numbers = _numbers(findings)
    granted = _granted(entries)
    drawn = [entry for entry in entries if not _repeated(entry, granted)]
    around = around_the_evidence(drawn, sorted(numbers))
    shown = choose(around, numbers, limit)
    lanes = _Lanes(entries, {entry.text("actor") for entry in around})
    bars = _Bars()
    for entry in drawn:
        bars.see(entry, lanes.of(entry))
    kept = {entry.seq for entry in shown}
    marks = tuple(_mark(entry, lanes, numbers.get(entry.seq, ())) for entry in shown)
    return Timeline(
        lanes=lanes.ordered(mark.lane for mark in marks),
        bars=tuple(bar for bar in bars.all() if bar.start in kept),
        marks=marks,
        total=len(drawn),
    )


def _numbers(findings: Sequence[Sequence[int]]) -> dict[int, tuple[int, ...]]:
    numbers: dict[int, tuple[int, ...]] = {}
    for number, evidence in enumerate(findings, start=1):
        for seq in dict.fromkeys(evidence):
            numbers[seq] = (*numbers.get(seq, ()), number)
    return numbers


def _granted(entries: Sequence[Entry]) -> frozenset[str]:
    return frozenset(entry.text("exchange") for entry in entries if entry.kind in ("TokenRequested", "TokenAnswered"))


def _repeated(entry: Entry, granted: frozenset[str]) -> bool:
    """A grant is also an exchange; one pair of marks is enough."""
    return entry.kind in ("RequestReceived", "ReplySent") and entry.text("exchange") in granted


def _mark(entry: Entry, lanes: _Lanes, findings: tuple[int, ...]) -> Mark:
    return Mark(
        lane=lanes.of(entry),
        kind=_MARKS.get(entry.kind, "note"),
        seq=entry.seq,
        at=entry.at,
        label=words.describe(entry),
        findings=findings,
        actor=lanes.sender(entry),
    )


class _Lanes:
    """Which lane an event stands in. An exchange is known by its number alone after its request."""

    def __init__(self, entries: Sequence[Entry], shown: Collection[str]) -> None:
        named = (entry.text("actor") for entry in entries)
        self._actors = dict.fromkeys(actor for actor in named if actor and actor in shown)
        self._providers: dict[str, str] = {}
        self._markers: dict[str, str] = {}
        for entry in entries:
            if entry.kind == "RequestReceived":
                self._providers[entry.text("exchange")] = entry.text("provider")
                self._markers[entry.text("exchange")] = entry.text("marker")

    def of(self, entry: Entry) -> Lane:
        if entry.kind in ("TokenRequested", "TokenAnswered"):
            return Lane(kind="token", label="token endpoint")
        if entry.kind in ("RequestReceived", "ReplyHeld", "ReplySent"):
            return self._service(entry)
        if entry.kind == "ChildBeat":
            return Lane(kind="child", label=entry.text("child") or "child")
        if entry.kind in ("FileSeen", "WorkspaceSeen", "LockSeen"):
            return Lane(kind="files", label="files")
        if actor := entry.text("actor"):
            return Lane(kind="actor", label=actor)
        return Lane(kind="harness", label="harness")

    def _service(self, entry: Entry) -> Lane:
        provider = entry.text("provider") or self._providers.get(entry.text("exchange"), "unknown")
        if provider == "oauth":
            return Lane(kind="token", label="token endpoint")
        return Lane(kind="provider", label=provider)

    def sender(self, entry: Entry) -> str:
        """The actor whose marker the request of this exchange carried."""
        marker = self._markers.get(entry.text("exchange"), "") if "exchange" in entry.fields else ""
        return marker if marker in self._actors else ""

    def ordered(self, used: Iterable[Lane]) -> tuple[Lane, ...]:
        """Each lane once: every actor that is shown, then what the marks use; by kind, then by first appearance."""
        actors = [Lane(kind="actor", label=actor) for actor in self._actors]
        return tuple(sorted(dict.fromkeys([*actors, *used]), key=lambda lane: LANE_ORDER.index(lane.kind)))


@dataclass(slots=True)
class _Bars:
    """Pairs the events that begin something with those that end it."""

    closed: list[Bar] = field(default_factory=list)
    opened: dict[tuple[str, str], Bar] = field(default_factory=dict)
    survived: set[str] = field(default_factory=set)

    def see(self, entry: Entry, lane: Lane) -> None:
        if entry.kind == "SurvivorSeen":
            self.survived.add(entry.text("actor"))
        step = _STEPS.get(entry.kind)
        if step is None:
            return
        actor, exchange = entry.text("actor"), entry.text("exchange")
        key = exchange if step.by_exchange else f"{actor} {entry.text('index')}" if step.by_index else actor
        for kind in step.ends:
            self._close((kind, key), entry.seq)
        if step.begins:
            self._close((step.begins, key), entry.seq)
            self.opened[step.begins, key] = Bar(
                lane=lane,
                kind=step.begins,
                start=entry.seq,
                end=None,
                label=step.label.format(actor=actor, number=exchange),
            )

    def _close(self, key: tuple[str, str], seq: int) -> None:
        if bar := self.opened.pop(key, None):
            self.closed.append(Bar(lane=bar.lane, kind=bar.kind, start=bar.start, end=seq, label=bar.label))

    def all(self) -> list[Bar]:
        """Longest-lived kinds first, so that what is drawn later lies on top.

        A tree that nobody saw ending is drawn only where a survivor was seen: not looking is not surviving.
        """
        order: Mapping[str, int] = {"tree": 0, "process": 1, "exchange": 2, "held": 3}
        lasting = [bar for (kind, key), bar in self.opened.items() if kind != "tree" or key in self.survived]
        return sorted([*self.closed, *lasting], key=lambda bar: (order[bar.kind], bar.start))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """Which bar an event begins and which it ends."""

    begins: BarKind | None = None
    ends: tuple[BarKind, ...] = ()
    label: str = ""
    by_index: bool = False
    by_exchange: bool = False


_STEPS = {
    "Started": _Step(begins="process", label="{actor}: its process"),
    "Exited": _Step(begins="tree", ends=("process",), label="{actor}: what its process left behind"),
    "TreeEnded": _Step(ends=("tree", "process")),
    "CallHeld": _Step(begins="held", label="{actor}: held", by_index=True),
    "CallReleased": _Step(ends=("held",), by_index=True),
    "RequestReceived": _Step(begins="exchange", label="exchange {number}", by_exchange=True),
    "ReplySent": _Step(ends=("exchange",), by_exchange=True),
    "TokenRequested": _Step(begins="exchange", label="grant, exchange {number}", by_exchange=True),
    "TokenAnswered": _Step(ends=("exchange",), by_exchange=True),
}
