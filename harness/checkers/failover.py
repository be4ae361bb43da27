"""FLO: which failures may move a turn on to the next model, and what is said in the end."""

from __future__ import annotations

from collections import Counter

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import FaultFired, Finished, History, ReplySent, TokenRequested
from harness.outcome import Kind
from harness.verdict import Finding

_KIND_OF_STATUS: dict[int, Kind] = {400: "fatal", 413: "fatal", 401: "auth", 403: "auth"}


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
    return findings + _cooled_down(history)


def _cooled_down(history: History) -> list[Finding]:
    """The turn after a local error starts with the first model, as if nothing had been wrong with a provider."""
    later = [(seq, what) for seq, what, _ in ask.turns(history) if what.actor.startswith("after")]
    findings = []
    for seq, what in later:
        asked = ask.requests(history, what.actor)
        if asked and asked[0][1].provider != "anthropic":
            message = f"{what.actor} began with {asked[0][1].provider}: the local error put the first model on hold"
            findings.append(Finding(rule="FLO-1", message=message, evidence=(seq, asked[0][0])))
    return findings


def root_cause_first(history: History) -> list[Finding]:
    """FLO-2: the error is the first cause, and the attempts are listed as the servers saw them."""
    findings = []
    judged = 0
    for seq, what, _ in ask.turns(history):
        seen = _attempts_seen(history, what.actor)
        if what.outcome.ok or len(seen) < 2:
            continue
        judged += 1
        first_provider, first_status = seen[0]
        expected = _KIND_OF_STATUS.get(first_status, "retryable")
        if what.outcome.kind != expected:
            message = (
                f"{what.actor} failed first at {first_provider} with {first_status} ({expected}), "
                f"but reported {what.outcome.kind}: {ask.said(what)}"
            )
            findings.append(Finding(rule="FLO-2", message=message, evidence=(seq,)))
        findings += _attempts_listed(what, seq, seen)
    if not judged:
        raise CannotDecide("no turn failed at more than one model")
    return findings


def falls_over_in_order(history: History) -> list[Finding]:
    """FLO-3: a retryable failure of the first model leads to the second, whose answer alone is the result."""
    findings = []
    for seq, what, _ in ask.turns(history):
        providers = [request.provider for _, request in ask.requests(history, what.actor)]
        if not what.outcome.ok:
            message = (
                f"{what.actor}: a failure that another model could have made good ended the turn: {ask.said(what)}"
            )
            findings.append(Finding(rule="FLO-3", message=message, evidence=(seq,)))
        elif "codex" in providers:
            message = f"{what.actor} went through {', '.join(providers)}; the second model would have answered"
            findings.append(Finding(rule="FLO-3", message=message, evidence=(seq,)))
        elif what.outcome.text.strip() != "done":
            message = f"{what.actor} gave “{what.outcome.text[:120]}” instead of the second model's answer “done”"
            findings.append(Finding(rule="FLO-3", message=message, evidence=(seq,)))
    return findings


def fatal_stops(history: History) -> list[Finding]:
    """FLO-4: what one provider refused is sent to no other."""
    findings = []
    for seq, what, _ in ask.turns(history):
        asked = ask.requests(history, what.actor)
        if not asked or _first_status(history, asked[0][1].exchange) < 400:
            continue
        others = sorted({request.provider for _, request in asked[1:]} - {asked[0][1].provider})
        if others:
            message = f"{what.actor}: what {asked[0][1].provider} had refused was sent to {', '.join(others)} too"
            findings.append(Finding(rule="FLO-4", message=message, evidence=(seq, *(s for s, _ in asked))))
        elif what.outcome.ok:
            findings.append(
                Finding(
                    rule="FLO-4", message=f"{what.actor}: a refused request was reported as success", evidence=(seq,)
                )
            )
    return findings


def bounded(history: History) -> list[Finding]:
    """FLO-5: at most one request a model in a failing turn, and none while a provider has asked to be left alone."""
    findings = []
    for seq, what, _ in ask.turns(history):
        asked = ask.requests(history, what.actor)
        counts = Counter(f"{request.provider}/{request.model}" for _, request in asked)
        if storms := {model: n for model, n in counts.items() if n > 1}:
            often = ", ".join(f"{model} {n} times" for model, n in storms.items())
            findings.append(
                Finding(
                    rule="FLO-5", message=f"{what.actor} asked {often} in one turn", evidence=tuple(s for s, _ in asked)
                )
            )
        if what.actor.startswith("after") and asked and any(True for _ in history.of(FaultFired)):
            message = f"{what.actor} asked {len(asked)} times although every provider had said retry-after"
            findings.append(Finding(rule="FLO-5", message=message, evidence=(seq, *(s for s, _ in asked))))
    return findings


def _attempts_seen(history: History, actor: str) -> list[tuple[str, int]]:
    """Provider and status of each distinct model that was asked, as the server knows them."""
    answers = ask.replies(history)
    seen: list[tuple[str, int]] = []
    for _, request in ask.requests(history, actor):
        reply = answers.get(request.exchange)
        if reply is not None and request.provider not in [provider for provider, _ in seen]:
            seen.append((request.provider, reply.status))
    return seen


def _attempts_listed(what: Finished, seq: int, seen: list[tuple[str, int]]) -> list[Finding]:
    attempts = what.outcome.attempts
    if attempts is None:
        message = f"{what.actor} does not list its attempts ({', '.join(f'{p} {s}' for p, s in seen)})"
        return [Finding(rule="FLO-2", message=message, evidence=(seq,))]
    listed = [(attempt.provider, attempt.status) for attempt in attempts]
    if [(provider, status) for provider, status in listed if status is not None] == seen:
        return []
    message = f"{what.actor} lists the attempts {listed}, but the providers saw {seen}"
    return [Finding(rule="FLO-2", message=message, evidence=(seq,))]


def _first_status(history: History, exchange: int) -> int:
    reply: ReplySent | None = ask.replies(history).get(exchange)
    return reply.status if reply is not None else 0
