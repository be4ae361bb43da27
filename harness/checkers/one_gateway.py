"""LCK-9: several gateways are started for one state directory.

Actors play roles that their names tell: "gateway-1" and so on are the gateways, in the order of their starts, "kept" a
turn that the first has while another is started, "list-kept" lists the runs then, and "after" is a turn that goes
through whichever gateway serves.
"""

from __future__ import annotations

from harness.checkers import ask
from harness.events import Finished, History, Started
from harness.verdict import Finding

RULE = "LCK-9"
GATEWAY = "gateway-"  # begins a gateway's name
KEPT, LIST_KEPT, AFTER = "kept", "list-kept", "after"


def one_gateway(history: History) -> list[Finding]:
    """LCK-9: one gateway serves, every other says that it does not, and turns work as if it had been alone."""
    judged, _ = ask.started(history, AFTER)  # by then whoever does not serve has ended
    serving, findings = [], []
    for seq, started in history.of(Started):
        if not started.actor.startswith(GATEWAY):
            continue
        exited = ask.exited(history, started.actor)
        if exited is None or exited[0] > judged:
            serving.append((seq, started.actor))
        else:
            findings += _refused(*ask.finished(history, started.actor))
    if len(serving) != 1:
        who = " and ".join(name for _, name in serving) or "none"
        message = f"of the gateways of one state directory {who} went on"
        findings.append(Finding(rule=RULE, message=message, evidence=(*(seq for seq, _ in serving), judged)))
    return findings + _listed(history) + _turns(history)


def _refused(seq: int, what: Finished) -> list[Finding]:
    """A gateway that does not serve says so by status and code."""
    outcome = what.outcome
    if not outcome.ok and outcome.code and outcome.exit_status and not outcome.traceback:
        return []
    message = f"{what.actor} does not serve, and does not say so by status and code: {ask.said(what)}"
    return [Finding(rule=RULE, message=message, evidence=(seq,))]


def _listed(history: History) -> list[Finding]:
    """The turn that the first gateway has is still known to run."""
    if not any(started.actor == LIST_KEPT for _, started in history.of(Started)):
        return []
    agent = ask.started(history, KEPT)[1].params["agent"]
    seq, runs = ask.runs_listed(history, LIST_KEPT)
    shown = [run.status for run in runs if run.agent == agent]
    if any(status in ask.UNFINISHED for status in shown):
        return []
    how = f"shown as {shown[0]}" if shown else "not listed any more"
    message = f"another gateway was started, and the turn that the first still has is {how}"
    return [Finding(rule=RULE, message=message, evidence=(seq,))]


def _turns(history: History) -> list[Finding]:
    """Every turn works."""
    words = "another gateway was started, and the turn {} does not work: {}"
    return [
        Finding(rule=RULE, message=words.format(what.actor, ask.said(what)), evidence=(seq,))
        for seq, what, _ in ask.turns(history)
        if not what.outcome.ok
    ]
