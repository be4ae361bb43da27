"""FLO: what becomes of a run whose gateway is lost while it has it."""

from __future__ import annotations

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import Finished, History, Signalled
from harness.verdict import Finding

GATEWAY = "gateway-"  # begins a gateway's name; that of the turn that it runs comes after


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
        if problem := _wrong(history, what, len(requests) - len(before)):
            evidence = (before[0], signals[what.actor], *(s for s, _ in requests[len(before) :]), seq)
            findings.append(Finding(rule="FLO-9", message=f"{what.actor}: {problem}", evidence=evidence))
    if not judged:
        raise CannotDecide("no gateway was ended that had a turn")
    return findings


def _wrong(history: History, what: Finished, later: int) -> str:
    """What is wrong with a turn that asked so many times more after its gateway had been ended; "" if nothing is."""
    answers, outcome = ask.replies(history), what.outcome
    if later:
        return f"the gateway was lost, and the turn was begun again elsewhere (requests after that: {later})"
    whole = [
        answers[request.exchange].outcome == "complete"
        for _, request in ask.requests(history, what.actor)
        if request.exchange in answers
    ]
    if outcome.ok and not any(whole):
        return "the gateway was lost before there was an answer, and the client reported success"
    if not outcome.ok and (outcome.traceback or not outcome.code or not outcome.exit_status):
        return f"the gateway was lost, and the client does not say so by status and code: {ask.said(what)}"
    return ""
