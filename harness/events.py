"""The vocabulary of a history: everything that can be observed in a run, as frozen records.

One loop decides everything, so one order is the truth: `Event.seq` is that order, `Event.at` only says when, in
seconds since the run began. Actors are stable labels such as "add-lane2"; pids are facts, never names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from fakes.events import ConnectionRefusedHost, ReplyHeld, ReplySent, RequestReceived, TokenAnswered, TokenRequested
from harness.observations import (
    ChangeLost,
    ChildBeat,
    FileSeen,
    FilesRecorded,
    LockSeen,
    PortSeen,
    PowerLost,
    ProcessSeen,
    RepositorySeen,
    SecretSeen,
    ServiceSeen,
    SurvivorSeen,
    TreeSeen,
    WorkspaceSeen,
)
from harness.outcome import Outcome

__all__ = [
    "CallHeld", "CallReleased", "CallSeen", "ChangeLost", "ChildBeat", "ConnectionRefusedHost", "Event", "Exited",
    "FaultFired", "FaultPlanned", "FileSeen", "FilesRecorded", "Finished", "History", "Hung", "LockSeen",
    "NetworkRedirected", "NetworkRefused", "Noted", "PortSeen", "PowerLost", "ProcessSeen", "ReplyHeld", "ReplySent",
    "RepositorySeen", "RequestReceived", "Scheduled", "SecretSeen", "ServiceSeen", "Signalled", "Started",
    "SurvivorSeen", "TokenAnswered", "TokenRequested", "TreeEnded", "TreeSeen", "WorkspaceSeen",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A command was started for an actor. `params` are the intent's own (name, agent, timeout), not the argv."""

    actor: str
    verb: str
    params: Mapping[str, Any]
    argv: tuple[str, ...]
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exited:
    """The process that was started ended. Exactly one of status and signal is set."""

    actor: str
    status: int | None
    signal: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hung:
    """The command had not ended after all the seconds that the adapter grants it, and was killed.

    Those in which it could have run, and other programs had the processors, were granted besides; so were those in
    which the harness was at work.
    """

    actor: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEnded:
    """Nothing of the actor's process tree is left, however it detached, but so many services of the target."""

    actor: str
    services: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The adapter's reading of a command that ended, with the (redacted, bounded) text it was read from.

    `cpu` is the seconds of processor time of it and of all its descendants that were waited for (wait4(2)). `queued` is
    how many of its `seconds` it could have run, and other programs had the processors.
    """

    actor: str
    verb: str
    outcome: Outcome
    stdout: str
    stderr: str
    seconds: float
    cpu: float = 0.0
    queued: float = 0.0

    @property
    def own_seconds(self) -> float:
        """Seconds that it took by itself: a machine that is busy with something else does not make it slow."""
        return self.seconds - self.queued


@dataclass(frozen=True, slots=True, kw_only=True)
class Signalled:
    """The harness sent a signal. `to` says to whom: "process", "group", or "child"."""

    actor: str
    signal: int
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallHeld:
    """A system call waits for the harness's decision."""

    actor: str
    call: str
    path: str
    index: int  # how many watched calls of this actor came before


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReleased:
    """The decision. `why`: "barrier", "blocked" (the others could get no further), "time-out", "killed", …"""

    actor: str
    call: str
    path: str
    index: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSeen:
    """A system call stopped on its way, was noted and went on. `paths` are those that it names, in its own order."""

    actor: str
    call: str
    paths: tuple[str, ...]
    makes_only: bool = False  # it fails where its name is taken, as open(2) with O_EXCL


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """An actor had its turn: one call of it ran while every other actor waited or slept."""

    actor: str  # "add-lane2", or "add-lane2/1" for a process that it had started
    index: int  # how many turns it had had before
    call: str
    reads: tuple[str, ...]  # paths below the run's folder, "lock:" and a path
    writes: tuple[str, ...]
    others: tuple[str, ...]  # whose turn it could have been instead
    fault: str = ""  # what happened instead of the call: "ENOSPC", "kill", …


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlanned:
    """The plan contains this fault; if it never fires, the run shows nothing."""

    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultFired:
    """It did."""

    fault: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRedirected:
    """The target connected to a vendor's name, and was led to the fakes."""

    actor: str
    address: str  # name:port


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRefused:
    """The target tried to leave loopback and was not let."""

    actor: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Something that a reader of the report should know; checkers ignore it."""

    text: str


What = (
    Started | Exited | Hung | TreeEnded | Finished | Signalled | CallHeld | CallReleased | CallSeen | Scheduled
    | FaultPlanned | FaultFired | FileSeen | FilesRecorded | PowerLost | TreeSeen | SurvivorSeen | ServiceSeen
    | ChildBeat | WorkspaceSeen | RepositorySeen | LockSeen | PortSeen | SecretSeen | NetworkRedirected | NetworkRefused
    | ConnectionRefusedHost | Noted | RequestReceived | ReplyHeld | ReplySent | TokenRequested | TokenAnswered
)  # fmt: skip

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(What)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of a history."""

    seq: int
    at: float
    what: What

    def as_json(self) -> dict[str, Any]:
        return {"seq": self.seq, "at": round(self.at, 6), "kind": type(self.what).__name__, **asdict(self.what)}

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> Event:
        """Read back what `as_json` wrote. Raises KeyError or TypeError for what it cannot have written."""
        if not isinstance(document, Mapping):
            raise TypeError(f"{document!r:.40} is not an event")
        values = {key: value for key, value in document.items() if key not in ("seq", "at", "kind")}
        what = _build(_KINDS[document["kind"]], values)
        return Event(seq=_build(int, document["seq"]), at=_build(float, document["at"]), what=what)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class History:
    """The ordered events of one run, with the few questions that checkers ask."""

    events: tuple[Event, ...]

    def of(self, kind: type[T]) -> Iterator[tuple[int, T]]:
        """Every event of one kind, with its sequence number."""
        for event in self.events:
            if isinstance(event.what, kind):
                yield event.seq, event.what

    def before(self, seq: int) -> History:
        return History(tuple(event for event in self.events if event.seq < seq))

    def after(self, seq: int) -> History:
        return History(tuple(event for event in self.events if event.seq > seq))


def _build(kind: Any, value: Any) -> Any:
    """Turn JSON back into the records it was made from, guided by their types. Raises TypeError where they differ."""
    origin = get_origin(kind)
    if is_dataclass(kind) and isinstance(value, Mapping):
        hints = get_type_hints(kind)
        if unknown := set(value) - {entry.name for entry in fields(kind)}:
            raise TypeError(f"{kind!r} has no field {', '.join(sorted(unknown))}")
        return kind(**{name: _build(hints[name], item) for name, item in value.items()})  # type: ignore[operator]
    if origin in (UnionType, Union):
        return _build_one_of(get_args(kind), value)
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_build(get_args(kind)[0], item) for item in value)
    if not _fits(kind, origin, value):
        raise TypeError(f"{value!r:.40} is not {getattr(kind, '__name__', kind)}")
    return value


def _build_one_of(kinds: tuple[Any, ...], value: Any) -> Any:
    problem = TypeError(f"{value!r:.40} is of no kind that may stand here")
    for kind in kinds:
        try:
            return _build(kind, value)
        except TypeError as error:
            problem = error if is_dataclass(kind) else problem
    raise problem


def _fits(kind: Any, origin: Any, value: Any) -> bool:
    """Whether a JSON value that holds no record may stand for a type."""
    if origin is Literal:
        return value in get_args(kind)
    if origin is Mapping or kind is Any:
        return kind is Any or isinstance(value, Mapping)
    if kind not in (str, int, float, bool, NoneType):
        return False
    if isinstance(value, bool):  # Python counts True as a number; JSON does not
        return kind is bool
    return isinstance(value, int | float if kind is float else kind)
