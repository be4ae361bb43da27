"""FLO-6: while one model of a provider rests, or one account, another of the same provider does not."""

from __future__ import annotations

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import History
from harness.verdict import Finding

_RATE_LIMITED = 429


def sibling_does_not_rest(history: History) -> list[Finding]:
    """FLO-6: after a model has asked for a rest, the next to be asked is of its provider too, also in later turns."""
    answers = ask.replies(history)
    turns = [(seq, what, ask.requests(history, what.actor)) for seq, what, _ in ask.turns(history)]
    asked = [each for _, _, requests in turns for each in requests]
    refused = [
        (seq, request)
        for seq, request in asked
        if request.exchange in answers and answers[request.exchange].status == _RATE_LIMITED
    ]
    if not asked:
        raise CannotDecide("no turn asked any provider")
    if not refused:
        ask.all_ended(history)
        return []
    at, tired = refused[0]
    findings = []
    for seq, what, requests in turns:
        later = [(s, request) for s, request in requests if s > at]
        if later and later[0][1].provider == tired.provider:
            continue
        instead = f"{later[0][1].provider} was asked" if later else f"nobody was ({ask.said(what)})"
        message = (
            f"{what.actor}: only {tired.model} had asked for a rest, and not the next of {tired.provider}; "
            f"in its place {instead}"
        )
        findings.append(Finding(rule="FLO-6", message=message, evidence=(at, *(s for s, _ in later[:1]), seq)))
    return findings
