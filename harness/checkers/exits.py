"""CHD-6: a command whose work is done ends, and gives back what it had.

Actors play roles that their names tell: "undisturbed" shows how long the end of a turn takes here and now, "lingering"
begins that of a turn whose provider leaves the connection open after the answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import History, Hung, LockSeen, PortSeen, ReplyHeld, ReplySent, Started
from harness.verdict import Finding

LINGERING = "lingering"
EXIT_SECONDS = 2.0  # from the last event of the turn to the end of its process, on an idle machine, …
EXIT_FACTOR = 5  # … and this many times as long as an undisturbed turn takes for it, for load, or is at work in all


def exits_when_done(history: History) -> list[Finding]:
    """CHD-6: the process ends soon after its last answer, successfully, and holds no port and no lock then."""
    times = {event.seq: event.at for event in history.events}
    undisturbed = ask.finished(history, "undisturbed")[1]
    if not undisturbed.outcome.ok:
        raise CannotDecide("a turn that nothing disturbed failed")
    usual = _tail(history, "undisturbed", times)[1]
    # What is there and does nothing is not slow: a machine that is busy makes long only what takes processor time.
    bound = EXIT_SECONDS + EXIT_FACTOR * min(usual, undisturbed.cpu or usual)
    begun = [what.actor for _, what in history.of(Started) if what.actor.startswith(LINGERING)]
    findings = [finding for actor in begun or [LINGERING] for finding in _stays(history, actor, bound, times)]
    return [*findings, *_left(history)]


def _stays(history: History, actor: str, bound: float, times: Mapping[int, float]) -> list[Finding]:
    """A command that is there for longer after its whole answer than it may be, or makes a failure of it."""
    answered, tail = _tail(history, actor, times)
    seq, lingering = ask.finished(history, actor)
    if any(what.actor == actor for _, what in history.of(Hung)) or tail > bound:
        message = (
            f"{actor} had its whole answer and was still there {tail:.1f} s later; {bound:.1f} s were to be enough"
        )
    elif not lingering.outcome.ok:
        message = f"{actor} had its whole answer and failed: {ask.said(lingering)}"
    else:
        return []
    return [Finding(rule="CHD-6", message=message, evidence=(answered, seq))]


def _tail(history: History, actor: str, times: Mapping[int, float]) -> tuple[int, float]:
    """When an actor's last answer was complete, as an event, and the seconds from then to its end."""
    asked = [request.exchange for _, request in ask.requests(history, actor)]
    held = [seq for seq, what in history.of(ReplyHeld) if what.exchange in asked[-1:]]
    complete = held + [seq for seq, what in history.of(ReplySent) if what.exchange in asked[-1:]]
    end = ask.exited(history, actor)
    if not complete or end is None:
        raise CannotDecide(f"{actor} was not answered, or never came to an end")
    return min(complete), times[end[0]] - times[min(complete)]


def _left(history: History) -> list[Finding]:
    """What is held after the end; nobody else of this run holds anything."""
    locks, ports = list(history.of(LockSeen)), list(history.of(PortSeen))
    if not locks or not ports:
        raise CannotDecide("nobody looked for locks and ports after the end")
    held = [(seq, f"a lock on {what.path}") for seq, what in locks if what.holder]
    held += [(seq, f"port {what.port}") for seq, what in ports if what.port]
    return [
        Finding(rule="CHD-6", message=f"after the turn's command had ended {what} was still held", evidence=(seq,))
        for seq, what in held
    ]
