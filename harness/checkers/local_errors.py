"""FLO-1: what is wrong on this machine is no reason to ask another provider."""

from __future__ import annotations

from harness.checkers import ask
from harness.checkers.failover import FAILOVER_ORDER
from harness.checkers.judge import CannotDecide
from harness.events import History, TokenRequested
from harness.verdict import Finding

UNREADABLE = "codex"  # the first model of the turn whose credential cannot be read


def local_error_stays_local(history: History) -> list[Finding]:
    """FLO-1: the run that met a held lock asks no provider and no token endpoint, and leaves no cooldown."""
    seq, second = ask.finished(history, "second")
    if second.outcome.ok:
        raise CannotDecide("the second run succeeded: it met no local error")
    begin, _ = ask.started(history, "second")
    findings = []
    asked = ask.requests(history, "second")
    if asked:
        where = ", ".join(f"{request.provider}/{request.model}" for _, request in asked)
        message = f"the local error {ask.said(second)} was followed by requests to {where}"
        findings.append(Finding(rule="FLO-1", message=message, evidence=(seq, *(s for s, _ in asked))))
    spent = [(s, token) for s, token in history.of(TokenRequested) if begin < s < seq]
    if spent:
        message = f"the local error {ask.said(second)} went on to the token endpoint and spent a refresh token"
        findings.append(Finding(rule="FLO-1", message=message, evidence=(seq, *(s for s, _ in spent))))
    findings += _cooled_down(history)
    if not findings:
        _later_turn_asked(history)
    return findings


def unreadable_credential_stays_local(history: History) -> list[Finding]:
    """FLO-1: the run whose first model's credential cannot be read asks no other, and leaves no cooldown."""
    seq, second = ask.finished(history, "second")
    _, after = ask.finished(history, "after-repair")
    first = next((request.provider for _, request in ask.requests(history, after.actor)), UNREADABLE)
    asked = [(s, request) for s, request in ask.requests(history, "second") if request.provider != UNREADABLE]
    if asked:
        where = ", ".join(f"{request.provider}/{request.model}" for _, request in asked)
        message = f"the credential of {UNREADABLE} could not be read on this machine, and the turn went on to {where}"
        return [Finding(rule="FLO-1", message=message, evidence=(*(s for s, _ in asked), seq))]
    if second.outcome.ok:
        raise CannotDecide("the second run succeeded: it met no local error")
    if first != UNREADABLE:
        message = f"{after.actor} began with {first}: the local error put the first model on hold"
        return [Finding(rule="FLO-1", message=message, evidence=(seq,))]
    _later_turn_asked(history)
    return []


def lack_stays_local(history: History) -> list[Finding]:
    """FLO-1: runs that could not begin their connections ask no further provider, and leave no cooldown."""
    findings = []
    for seq, what, _ in ask.turns(history):
        asked = [] if what.actor.startswith("after") else ask.requests(history, what.actor)
        if others := [(s, request) for s, request in asked if request.provider != FAILOVER_ORDER[0]]:
            where = ", ".join(f"{request.provider}/{request.model}" for _, request in others)
            message = f"{what.actor} could not begin a connection on this machine, and went on to {where}: "
            evidence = (*(s for s, _ in others), seq)
            findings.append(Finding(rule="FLO-1", message=message + ask.said(what), evidence=evidence))
    findings = findings or _cooled_down(history)
    if not findings:
        _later_turn_asked(history)
    return findings


def _later_turn_asked(history: History) -> None:
    ask.all_ended(history, "after")
    for _, what, _ in ask.turns(history):
        if what.actor.startswith("after") and not ask.requests(history, what.actor):
            raise CannotDecide(f"{what.actor} asked no provider, so that no cooldown could show: {ask.said(what)}")


def _cooled_down(history: History) -> list[Finding]:
    """The turn after a local error starts with the first model, as if nothing had been wrong with a provider."""
    later = [(seq, what) for seq, what, _ in ask.turns(history) if what.actor.startswith("after")]
    findings = []
    for seq, what in later:
        asked = ask.requests(history, what.actor)
        if asked and asked[0][1].provider != FAILOVER_ORDER[0]:
            message = f"{what.actor} began with {asked[0][1].provider}: the local error put the first model on hold"
            findings.append(Finding(rule="FLO-1", message=message, evidence=(seq, asked[0][0])))
    return findings
