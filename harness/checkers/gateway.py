"""CHD-8: a gateway was killed, and another takes its place.

Actors play roles that their names tell: "cut" is the turn that the killed gateway had, "detached" one that it had
accepted and that nobody waited for, "gateway-2" the new gateway,
"list-after" lists all runs once it serves, and "after" is a turn that goes through it. In a sweep over a gateway's
start "X-again" is the gateway that follows X, and "X-turn" a turn that goes through it.
"""

from __future__ import annotations

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import Finished, History, SurvivorSeen
from harness.verdict import Finding

_RULE = "CHD-8"


def restart_recovers(history: History) -> list[Finding]:
    """CHD-8: the new gateway serves, and what the old one had is over and called so, by everybody who is asked."""
    restarted, _ = ask.started(history, "gateway-2")
    ends = {what.actor: (seq, what) for seq, what in history.of(Finished)}
    findings = list[Finding]()
    if "gateway-2" in ends:
        seq, what = ends["gateway-2"]
        message = f"after a kill the gateway does not start again: {ask.said(what)}"
        findings.append(Finding(rule=_RULE, message=message, evidence=(restarted, seq)))
    for seq, survivor in history.of(SurvivorSeen):
        message = f"a process of the killed gateway's run lives on: {survivor.command[:80]}"
        findings.append(Finding(rule=_RULE, message=message, evidence=(seq,)))
    return findings + _cut(history) + _listed(history, "cut") + _accepted(history) + _works(history)


def restart_recovers_anywhere(history: History) -> list[Finding]:
    """CHD-8: wherever in its start a gateway was killed, the next one serves."""
    strikes = ask.strikes(history)
    if not strikes:
        raise CannotDecide("no gateway was struck")
    return [finding for strike in strikes for finding in _follows(history, strike)]


def _follows(history: History, strike: ask.Strike) -> list[Finding]:
    """The gateway after a killed one was still there when a turn was to go through it, and the turn worked."""
    begun, _ = ask.started(history, f"{strike.actor}-turn")
    ended, turn = ask.finished(history, f"{strike.actor}-turn")
    seq, again = ask.finished(history, f"{strike.actor}-again")
    if seq < begun:
        message = f"after a kill ({strike}) the gateway does not start again: {ask.said(again)}"
        return [Finding(rule=_RULE, message=message, evidence=(strike.seq, seq))]
    if not turn.outcome.ok:
        message = f"after a kill ({strike}) and a restart a turn does not work: {ask.said(turn)}"
        return [Finding(rule=_RULE, message=message, evidence=(strike.seq, ended))]
    return []


def _cut(history: History) -> list[Finding]:
    """Whoever had asked for the run was not told that it had succeeded."""
    seq, cut = ask.finished(history, "cut")
    if not cut.outcome.ok and cut.outcome.exit_status != 0:
        return []
    message = f"a turn whose gateway was killed reports success: {ask.said(cut)}"
    return [Finding(rule=_RULE, message=message, evidence=(seq,))]


def _accepted(history: History) -> list[Finding]:
    """A turn that was accepted is on record, whatever had become of it by then."""
    accepted = any(what.actor == "detached" and what.outcome.ok for _, what in history.of(Finished))
    return _listed(history, "detached") if accepted else []


def _listed(history: History, turn: str) -> list[Finding]:
    """The run is in the list, as one that did not finish."""
    agent = ask.started(history, turn)[1].params["agent"]
    seq, runs = ask.runs_listed(history, "list-after")
    shown = [run for run in runs if run.agent == agent]
    if not shown:
        message = f"the run {turn} that the killed gateway had is not listed any more"
        return [Finding(rule=_RULE, message=message, evidence=(seq,))]
    return [
        Finding(rule=_RULE, message=f"run {run.id} of the killed gateway is shown as {run.status}", evidence=(seq,))
        for run in shown
        if run.status in ask.UNFINISHED or run.status == "succeeded"
    ]


def _works(history: History) -> list[Finding]:
    seq, after = ask.finished(history, "after")
    if after.outcome.ok:
        return []
    message = f"after the restart a turn does not work: {ask.said(after)}"
    return [Finding(rule=_RULE, message=message, evidence=(seq,))]
