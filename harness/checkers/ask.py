"""Questions that several checkers put to a history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.checkers.judge import CannotDecide
from harness.events import (
    Exited,
    FaultFired,
    FileSeen,
    Finished,
    History,
    PowerLost,
    ReplySent,
    RequestReceived,
    Scheduled,
    Signalled,
    Started,
)
from harness.outcome import RunSeen

UNFINISHED = frozenset({"queued", "running"})  # statuses of runs that are not over


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """A fault that took place of one call of an actor, as sweeps make them."""

    seq: int
    actor: str
    fault: str
    call: str  # with its objects

    def __str__(self) -> str:
        whom = " of one process" if self.fault == "SIGKILL" else ""  # "kill" is of the whole command
        return f"{self.fault}{whom} at {self.call}"


def strikes(history: History) -> list[Strike]:
    """Every fault of a sweep, in order; what belongs to it are the actors whose names begin with its actor's."""
    return [
        Strike(
            seq=seq,
            actor=what.actor.partition("/")[0],
            fault=what.fault,
            call=" ".join([what.call, *(what.reads + what.writes)]),
        )
        for seq, what in history.of(Scheduled)
        if what.fault
    ]


def finished(history: History, actor: str) -> tuple[int, Finished]:
    """How an actor's command ended. Raises CannotDecide when it did not."""
    for seq, what in history.of(Finished):
        if what.actor == actor:
            return seq, what
    raise CannotDecide(f"{actor} never came to an end")


def finishes(history: History) -> Iterator[tuple[int, Finished]]:
    """Every command that ended."""
    return history.of(Finished)


def runs_listed(history: History, actor: str) -> tuple[int, tuple[RunSeen, ...]]:
    """The runs that an actor's list shows. Raises CannotDecide when it did not end, or shows none."""
    seq, listing = finished(history, actor)
    if listing.outcome.runs is None:
        raise CannotDecide(f"the runs could not be listed: {said(listing)}")
    return seq, listing.outcome.runs


def turns(history: History) -> Iterator[tuple[int, Finished, Started]]:
    """Every turn that ended, with how it was started."""
    starts = {what.actor: what for _, what in history.of(Started) if what.verb == "agent"}
    for seq, what in history.of(Finished):
        if what.actor in starts:
            yield seq, what, starts[what.actor]


def all_ended(history: History, part: str = "") -> None:
    """Raises CannotDecide unless there were turns of actors named so, and each came to an end."""
    begun = [what.actor for _, what in history.of(Started) if what.verb == "agent" and what.actor.startswith(part)]
    ends = {what.actor for _, what in history.of(Finished)}
    if not begun:
        raise CannotDecide(f"no turn {part}… was started" if part else "no turn was started")
    if open_ := [actor for actor in begun if actor not in ends]:
        raise CannotDecide(f"{', '.join(open_)} never came to an end")


def started(history: History, actor: str) -> tuple[int, Started]:
    """When an actor was started, and how. Raises CannotDecide when it was not."""
    for seq, what in history.of(Started):
        if what.actor == actor:
            return seq, what
    raise CannotDecide(f"{actor} was never started")


def requests(history: History, actor: str) -> list[tuple[int, RequestReceived]]:
    """The provider requests that carry the actor's marker, in order."""
    return [(seq, what) for seq, what in history.of(RequestReceived) if what.marker == actor]


def replies(history: History) -> dict[int, ReplySent]:
    """What each exchange was answered with."""
    return {what.exchange: what for _, what in history.of(ReplySent)}


def power_cuts(history: History) -> Iterator[tuple[int, PowerLost, History]]:
    """Each power cut with what happened from there to the next one."""
    cuts = list(history.of(PowerLost))
    for number, (seq, cut) in enumerate(cuts):
        later = history.after(seq)
        yield seq, cut, later.before(cuts[number + 1][0]) if number + 1 < len(cuts) else later


def fired(history: History, fault: str = "") -> bool:
    """Whether this fault took place, or any: in the control arm none does."""
    return any(fault in ("", what.fault) for _, what in history.of(FaultFired))


def signalled(history: History, actor: str) -> set[int]:
    """The signals that the harness sent to an actor itself, alone or with its group."""
    return {what.signal for _, what in history.of(Signalled) if what.actor == actor and what.to != "child"}


def exited(history: History, actor: str) -> tuple[int, Exited] | None:
    """When an actor's own process ended, and how; None when nobody saw it."""
    return next(((seq, what) for seq, what in history.of(Exited) if what.actor == actor), None)


def said(what: Finished) -> str:
    """What a command reported, short enough to quote."""
    outcome = what.outcome
    status = f"exit {outcome.exit_status}" if outcome.exit_status is not None else "killed"
    words = outcome.message or outcome.code or what.stderr.strip().rpartition("\n")[2] or "nothing"
    return f"“{words[:200]}” ({status})"


def is_for_others(seen: FileSeen) -> bool:
    """Whether the group of a file, or everybody, may do something with it."""
    return bool((seen.mode or 0) & 0o077)
