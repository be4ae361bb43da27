"""AUT: what a client makes of an authorization server that fails, answers late, or says something wrong."""

from __future__ import annotations

from dataclasses import dataclass

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import FileSeen, Finished, History, TokenAnswered, TokenRequested
from harness.verdict import Finding

MOST_REQUESTS = 10  # to the token endpoint in one turn: more is a storm, whatever the pauses between them
OUTAGE = "outage"  # the turn in which the token endpoint never comes back
_FAILED = "error-before-commit"
_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshing:
    """What one turn and the token endpoint had to say to each other."""

    seq: int
    what: Finished
    tokens: tuple[str, ...]  # fingerprints of the refresh tokens that were sent, in order
    decisions: tuple[str, ...]
    evidence: tuple[int, ...]


def refreshings(history: History) -> list[Refreshing]:
    """Every turn that ended, one after the other, with the token requests between its start and its end."""
    found = []
    for seq, what, _ in ask.turns(history):
        begin, _ = ask.started(history, what.actor)
        part = history.after(begin).before(seq)
        asked, answers = list(part.of(TokenRequested)), list(part.of(TokenAnswered))
        found.append(
            Refreshing(
                seq=seq, what=what, tokens=tuple(request.token for _, request in asked),
                decisions=tuple(answer.decision for _, answer in answers),
                evidence=(*(s for s, _ in answers), seq),
            )
        )  # fmt: skip
    return found


def passing_errors_are_ridden_out(history: History) -> list[Finding]:
    """AUT-10: a token endpoint that fails once is asked again with the same token; one that stays away, not long."""
    turns = [turn for turn in refreshings(history) if turn.tokens]
    if not any(_FAILED in turn.decisions for turn in turns):
        raise CannotDecide("the token endpoint failed nobody")
    findings = [finding for turn in turns for finding in _ridden_out(turn)]
    return [*findings, *_works_again(history), *_kept(history)]


def _ridden_out(turn: Refreshing) -> list[Finding]:
    actor, outcome, problem = turn.what.actor, turn.what.outcome, ""
    if len(turn.tokens) > MOST_REQUESTS:
        problem = f"{actor} asked the token endpoint {len(turn.tokens)} times in one turn"
    elif len(set(turn.tokens)) > 1:
        problem = f"{actor} sent {len(set(turn.tokens))} different tokens to an endpoint that had spent none"
    elif _FAILED not in turn.decisions or outcome.ok:
        return []
    elif actor != OUTAGE:
        problem = f"{actor} gave up, although one request alone had failed in passing: {ask.said(turn.what)}"
    elif not is_typed(turn.what):
        problem = (
            f"{actor}: the token endpoint was away, and the error does not say so by a code: {ask.said(turn.what)}"
        )
    return [Finding(rule="AUT-10", message=problem, evidence=turn.evidence)] if problem else []


def _works_again(history: History) -> list[Finding]:
    seq, what = ask.finished(history, f"after-{OUTAGE}")
    if what.outcome.ok:
        return []
    message = f"the token endpoint is back, and the turn fails all the same: {ask.said(what)}"
    return [Finding(rule="AUT-10", message=message, evidence=(seq,))]


def _kept(history: History) -> list[Finding]:
    """The outage changed nothing in the profile."""
    looks = [(seq, seen) for seq, seen in history.of(FileSeen) if seen.role == "profile main"]
    during = [(s, seen) for s, seen in looks if str(seen.facts.get("when", "")).startswith(OUTAGE)]
    if len(during) < 2 or not during[0][1].exists:
        raise CannotDecide("the profile was not seen before and after the outage")
    if during[0][1].digest == during[-1][1].digest:
        return []
    what = "changed" if during[-1][1].exists else "deleted"
    message = f"the token endpoint was away, and the stored credential was {what}"
    return [Finding(rule="AUT-10", message=message, evidence=(during[0][0], during[-1][0]))]


def refused_once_refreshed_once(history: History) -> list[Finding]:
    """AUT-6: a token that a provider refuses is renewed once and sent again, whatever any clock says."""
    findings, judged = [], 0
    answers = ask.replies(history)
    for turn in refreshings(history):
        requests = ask.requests(history, turn.what.actor)
        statuses = [answers[request.exchange].status for _, request in requests if request.exchange in answers]
        refreshes = len(turn.tokens)
        if _UNAUTHORIZED not in statuses and not refreshes:
            continue
        judged += 1
        if problem := _misused(turn.what, statuses, refreshes):
            message = f"{turn.what.actor} {problem}"
            evidence = (*(seq for seq, _ in requests), *turn.evidence)
            findings.append(Finding(rule="AUT-6", message=message, evidence=evidence))
    if not judged:
        raise CannotDecide("no provider refused a token, and nobody refreshed one")
    return findings


def _misused(what: Finished, statuses: list[int], refreshes: int) -> str:
    """What is wrong with a turn that was answered so and refreshed so often; "" if nothing is."""
    refused, ok = statuses.count(_UNAUTHORIZED), what.outcome.ok
    if refreshes > 1:
        return f"refreshed {refreshes} times in one turn ({len(statuses)} requests, {refused} of them refused)"
    if refused > 2:
        return f"sent a request again although its token had been refused {refused} times"
    if refused and not refreshes:
        return f"was refused with 401 and did not refresh: {ask.said(what)}"
    if not ok and statuses and statuses[-1] != _UNAUTHORIZED:
        return f"had a token that worked, and failed: {ask.said(what)}"
    if ok and statuses and statuses[-1] == _UNAUTHORIZED:
        return "reported success, although its last request was refused with 401"
    if not ok and not (is_typed(what) and what.outcome.kind == "auth"):
        return f"does not say that its credential was refused: {ask.said(what)}"
    return ""


def is_typed(what: Finished) -> bool:
    """Whether a failed command says by status and code, and without a stack trace, that it failed."""
    outcome = what.outcome
    return bool(outcome.code and outcome.exit_status and not outcome.traceback)
