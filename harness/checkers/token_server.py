"""AUT: what a client makes of an authorization server that fails, answers late, or says something wrong."""

from __future__ import annotations

from dataclasses import dataclass

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import FileSeen, Finished, History, TokenAnswered, TokenRequested
from harness.verdict import Finding

MOST_REQUESTS = 10  # to the token endpoint in one turn: more is a storm, whatever the pauses between them
AGAIN, SIGNED_IN = "-again", "-signed-in"  # end the names of the turns after one whose refresh was lost
OUTAGE = "outage"  # begins the names of the turns in which the token endpoint never comes back
RENEWED = "renewed-meanwhile"  # the turn whose token another program has renewed and stored before it is refused
_FAILED = "error-before-commit"
_UNAUTHORIZED = 401
_LOST = "dropped-after-commit"
MOST_SENDS = 2  # of a token whose answer was lost: that time, and once more


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
    elif not actor.startswith(OUTAGE):
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
    if refused and what.actor == RENEWED:
        return _spurned(what, refused, refreshes)
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


def _spurned(what: Finished, refused: int, refreshes: int) -> str:
    """What is wrong with a turn for whose refused token the store had a successor already; "" if nothing is."""
    if refreshes:
        return "refreshed a credential that another program had renewed and stored before the old token was refused"
    if refused == 1 and not what.outcome.ok:
        return f"was refused once, and did not use the newer token in the store: {ask.said(what)}"
    return ""


def lost_answer_is_fetched_again(history: History) -> list[Finding]:
    """AUT-5: of a server that repeats its answer the client gets the new token, with one more request."""
    findings = []
    for lost in _lost(history):
        findings += _sent_once_more(lost)
        if lost.times >= MOST_SENDS:  # it may not be sent again, so that the answer is lost for good
            findings += _costs_one_sign_in(history, lost)
            continue
        seq, what = ask.finished(history, f"{lost.family}{AGAIN}")
        if not what.outcome.ok:
            message = f"{lost.family}: the server would have repeated the answer that was lost; {ask.said(what)}"
            findings.append(Finding(rule="AUT-5", message=message, evidence=(lost.seq, seq)))
    return findings


def lost_answer_costs_one_sign_in(history: History) -> list[Finding]:
    """AUT-5: a server that refuses the old token costs one sign-in, asked for clearly."""
    findings = []
    for lost in _lost(history):
        findings += [*_sent_once_more(lost), *_costs_one_sign_in(history, lost)]
    return findings


def _costs_one_sign_in(history: History, lost: _LostAnswer) -> list[Finding]:
    findings = []
    for name in (lost.family, f"{lost.family}{AGAIN}"):
        seq, what = ask.finished(history, name)
        if not what.outcome.ok and not (is_typed(what) and what.outcome.kind == "auth"):
            message = f"{name} cannot refresh any more and does not ask clearly to sign in: {ask.said(what)}"
            findings.append(Finding(rule="AUT-5", message=message, evidence=(lost.seq, seq)))
    seq, what = ask.finished(history, f"{lost.family}{SIGNED_IN}")
    if not what.outcome.ok:
        message = f"{what.actor} fails after a new sign-in: {ask.said(what)}"
        findings.append(Finding(rule="AUT-5", message=message, evidence=(lost.seq, seq)))
    return findings


@dataclass(frozen=True, slots=True, kw_only=True)
class _LostAnswer:
    """A token whose redemption was answered, and the answer lost: how often, and every request that sent it."""

    seq: int  # of the first answer that was lost
    family: str
    times: int
    sends: tuple[int, ...]


def _lost(history: History) -> list[_LostAnswer]:
    sent = {what.exchange: what.token for _, what in history.of(TokenRequested)}
    answers: dict[str | None, list[tuple[int, TokenAnswered]]] = {}
    for seq, what in history.of(TokenAnswered):
        if what.decision == _LOST:
            answers.setdefault(sent.get(what.exchange), []).append((seq, what))
    if not answers:
        raise CannotDecide("no answer of the token endpoint was lost")
    return [
        _LostAnswer(
            seq=lost[0][0], family=lost[0][1].family, times=len(lost),
            sends=tuple(seq for seq, each in history.of(TokenRequested) if each.token == token),
        )
        for token, lost in answers.items()
    ]  # fmt: skip


def _sent_once_more(lost: _LostAnswer) -> list[Finding]:
    if len(lost.sends) <= MOST_SENDS:
        return []
    message = f"{lost.family}: a token whose answer was lost was sent {len(lost.sends)} times in all"
    return [Finding(rule="AUT-5", message=message, evidence=lost.sends)]


def auth_noise_is_contained(history: History) -> list[Finding]:
    """AUT-8: where something else was wrong first, that is reported, and not the credential of a fallback."""
    findings, judged = [], 0
    for actor, cause in (("second", "its session was held"), ("overloaded", "its first provider was overloaded")):
        seq, what = ask.finished(history, actor)
        if what.outcome.ok:
            continue
        judged += 1
        if what.outcome.kind == "auth":
            message = f"{actor} failed because {cause}, and reports a credential: {ask.said(what)}"
            findings.append(Finding(rule="AUT-8", message=message, evidence=(seq,)))
        elif what.outcome.kind == "unclear" and not findings:
            raise CannotDecide(f"{actor} does not say of what kind its failure is: {ask.said(what)}")
    if judged < 2 and not findings:
        raise CannotDecide("not both of the turns that were to fail did")
    return findings


def is_typed(what: Finished) -> bool:
    """Whether a failed command says by status and code, and without a stack trace, that it failed."""
    outcome = what.outcome
    return bool(outcome.code and outcome.exit_status and not outcome.traceback)
