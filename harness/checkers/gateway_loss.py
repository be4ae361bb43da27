"""FLO: what becomes of a run whose gateway is lost while it has it."""

from __future__ import annotations

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import FaultFired, Finished, History, Signalled
from harness.verdict import Finding

GATEWAY = "gateway-"  # begins a gateway's name; that of the turn that it runs comes after
WORKER_KILLED = "the process that does the turn is killed"
LOST, AFTER = "lost", "after-lost"  # the turn that loses its worker, and the next one of its session


def lost_gateway_is_final(history: History) -> list[Finding]:
    """FLO-9: when a gateway is ended that has a turn, nobody begins the turn again, and its client says so."""
    findings, judged, signals = [], 0, dict[str, int]()
    for seq, signalled in history.of(Signalled):
        signals.setdefault(signalled.actor.removeprefix(GATEWAY), seq)
    for seq, what, _ in ask.turns(history):
        requests = ask.requests(history, what.actor)
        before = [s for s, _ in requests if s < signals.get(what.actor, 0)]
        if not before:
            continue
        judged += 1
        if problem := _wrong(history, what, "the gateway", len(requests) - len(before)):
            evidence = (before[0], signals[what.actor], *(s for s, _ in requests[len(before) :]), seq)
            findings.append(Finding(rule="FLO-9", message=f"{what.actor}: {problem}", evidence=evidence))
    if not judged:
        raise CannotDecide("no gateway was ended that had a turn")
    return findings


def lost_worker_is_final(history: History) -> list[Finding]:
    """FLO-9: when a gateway's worker is killed nobody begins its turn again, its client says so, and the next works."""
    seq, lost = ask.finished(history, LOST)
    killed = [at for at, what in history.of(FaultFired) if what.fault == WORKER_KILLED]
    if not killed:
        return []
    later = [at for at, _ in ask.requests(history, LOST) if at > killed[0]]
    findings = []
    if problem := _wrong(history, lost, "the worker", len(later)):
        evidence = (killed[0], *later, seq)
        findings.append(Finding(rule="FLO-9", message=f"{lost.actor}: {problem}", evidence=evidence))
    after_seq, after = ask.finished(history, AFTER)
    if not after.outcome.ok:
        message = f"after the gateway's worker was lost, the next turn of its session fails: {ask.said(after)}"
        findings.append(Finding(rule="FLO-9", message=message, evidence=(killed[0], after_seq)))
    return findings


def _wrong(history: History, what: Finished, who: str, later: int) -> str:
    """What is wrong with a turn that asked so many times more after its gateway, or worker, had been ended; or ""."""
    answers, outcome = ask.replies(history), what.outcome
    if later:
        return f"{who} was lost, and the turn was begun again elsewhere (requests after that: {later})"
    whole = [
        answers[request.exchange].outcome == "complete"
        for _, request in ask.requests(history, what.actor)
        if request.exchange in answers
    ]
    if outcome.ok and not any(whole):
        return f"{who} was lost before there was an answer, and the client reported success"
    if not outcome.ok and (outcome.traceback or not outcome.code or not outcome.exit_status):
        return f"{who} was lost, and the client does not say so by status and code: {ask.said(what)}"
    return ""
