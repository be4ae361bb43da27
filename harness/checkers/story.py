"""END-1: the whole story of openclaw #43367, judged at once.

Actors play these parts: "add-laneN" add the agents, "lane0" and "lane1" are left alone, "lane2" gets SIGTERM and
"lane3" its time-out.
"""

from __future__ import annotations

from harness.checkers import ask
from harness.checkers.auth import single_flight
from harness.checkers.children import no_unaccounted_survivor
from harness.checkers.config import acknowledged_adds_survive
from harness.checkers.judge import CannotDecide
from harness.checkers.operator import list_shows_truth
from harness.events import History, Hung, LockSeen, PortSeen
from harness.verdict import Finding

_TOLD = {"lane2": 143, "lane3": 124}


def whole_story(history: History) -> list[Finding]:
    """Everything that should live does, and nothing else; what one part cannot decide hides no other's findings."""
    findings, undecided = list[Finding](), list[str]()
    for part in (
        acknowledged_adds_survive,
        _all_four_exist,
        single_flight,
        _untouched_runs_succeed,
        _ended_runs_say_why,
        no_unaccounted_survivor,
        _list_shows_truth,
        _nothing_held,
    ):
        try:
            findings += part(history)
        except CannotDecide as reason:
            undecided.append(str(reason))
    if undecided and not findings:
        raise CannotDecide("; ".join(undecided))
    return [Finding(rule="END-1", message=f"{f.rule}: {f.message}", evidence=f.evidence) for f in findings]


def _all_four_exist(history: History) -> list[Finding]:
    failed = [(seq, what) for seq, what in ask.finishes(history) if what.verb == "agents add" and not what.outcome.ok]
    return [
        Finding(rule="CFG-1", message=f"{what.actor} failed: {ask.said(what)}", evidence=(seq,)) for seq, what in failed
    ]


def _untouched_runs_succeed(history: History) -> list[Finding]:
    findings = []
    for lane in ("lane0", "lane1"):
        seq, what = ask.finished(history, lane)
        if not what.outcome.ok:
            message = f"{lane}, which nobody touched, failed: {ask.said(what)}"
            findings.append(Finding(rule="FLO-3", message=message, evidence=(seq,)))
    return findings


def _ended_runs_say_why(history: History) -> list[Finding]:
    if not ask.fired(history):
        return []
    findings = []
    looked = any(True for _ in history.of(LockSeen))  # the last thing that is done: before it nobody was given up
    if not ask.signalled(history, "lane2"):
        raise CannotDecide("lane2 was never signalled")
    hung = {what.actor for _, what in history.of(Hung)}
    for lane, status in _TOLD.items():
        begun, _ = ask.started(history, lane)
        found = next(((seq, what) for seq, what in ask.finishes(history) if what.actor == lane), None)
        if lane in hung or (found is None and looked):
            findings.append(Finding(rule="CHD-7", message=f"{lane} was to end and did not", evidence=(begun,)))
        elif found is None:
            raise CannotDecide(f"{lane} never came to an end")
        elif found[1].outcome.exit_status != status or found[1].outcome.ok:
            message = f"{lane} should have ended with {status}: {ask.said(found[1])}"
            findings.append(Finding(rule="CHD-7", message=message, evidence=(found[0],)))
    return findings


def _list_shows_truth(history: History) -> list[Finding]:
    """Judged where the target has a list of runs."""
    asked = any(what.verb == "runs list" for _, what in ask.finishes(history))
    return list_shows_truth(history) if asked else []


def _nothing_held(history: History) -> list[Finding]:
    """After the grace period no lock of the state is held, and no port is listened on, by anybody."""
    locks, ports = list(history.of(LockSeen)), list(history.of(PortSeen))
    if not locks or not ports:
        raise CannotDecide("nobody looked for locks and ports")
    held = [(seq, what) for seq, what in locks if what.path]  # the holder may be 0 or -1: in proc(5), nobody we can see
    findings = [
        Finding(rule="LCK-8", message=f"{what.path} is still locked by process {what.holder}", evidence=(seq,))
        for seq, what in held
    ]
    findings += [
        Finding(rule="CHD-1", message=f"port {what.port} is still listened on by {what.process}", evidence=(seq,))
        for seq, what in ports
        if what.port
    ]
    return findings
