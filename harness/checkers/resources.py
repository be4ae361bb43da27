"""RES: what a full disk, a refusal or a limit may do to a command: little, clearly, and not for long."""

from __future__ import annotations

from collections import Counter

from harness.checkers import ask
from harness.checkers.ask import Strike
from harness.checkers.judge import CannotDecide
from harness.checkers.messages import ANSWER
from harness.events import FileSeen, Finished, History, Hung, TokenAnswered
from harness.verdict import Finding


def full_disk_is_weathered(history: History) -> list[Finding]:
    """RES-1: each command that met a full or failing disk ended clearly, harmed nothing, and works again."""
    return _weathered(history, "RES-1")


def denial_is_weathered(history: History) -> list[Finding]:
    """RES-2: the same for a file that may not be opened or written."""
    return _weathered(history, "RES-2")


def exhaustion_is_weathered(history: History) -> list[Finding]:
    """RES-3: the same for a process that has no descriptors or locks left."""
    return _weathered(history, "RES-3")


def crowded_gateway_is_weathered(history: History) -> list[Finding]:
    """RES-3: a gateway without descriptors goes on with the turn that it has, refuses others clearly, and recovers.

    Actors play roles: "gateway", "kept" the turn that it has, "crowded-…" turns that meet the limit, "after" one that
    comes when it is lifted.
    """
    begun, _ = ask.started(history, "after")
    ended = [(seq, what) for seq, what in history.before(begun).of(Finished) if what.actor == "gateway"]
    findings = [
        Finding(rule="RES-3", message=f"a gateway ended for want of descriptors: {ask.said(what)}", evidence=(seq,))
        for seq, what in ended
    ]
    for seq, what, _ in ask.turns(history):
        problem = "" if what.outcome.ok else "does not work"
        if what.actor.startswith("crowded"):
            asked = ask.requests(history, what.actor)
            problem = _unclear(what) if problem else "" if asked else "is a success, and no model was asked"
        if problem:
            message = f"the turn {what.actor} at a gateway without descriptors {problem}: {ask.said(what)}"
            findings.append(Finding(rule="RES-3", message=message, evidence=(seq,)))
    return findings


def _weathered(history: History, rule: str) -> list[Finding]:
    strikes = ask.strikes(history)
    if not strikes:
        raise CannotDecide("no command was struck")
    ends = [after for strike, after in zip(strikes, [*strikes[1:], None], strict=True)]
    findings = []
    for strike, after in zip(strikes, ends, strict=True):
        part = history.after(strike.seq)
        part = part.before(after.seq) if after else part
        findings += [*_ends_clearly(rule, strike, part), *_harms_nothing(rule, strike, part)]
        findings += _remembers(rule, strike, part)
        findings += _works_again(rule, strike, part)
    return findings


def _ends_clearly(rule: str, strike: Strike, part: History) -> list[Finding]:
    """The struck command did its work, or failed with a typed error that names what it is about."""
    seq, what = ask.finished(part, strike.actor)
    hung = next((f"did not end within {one.seconds:g} s" for _, one in part.of(Hung) if one.actor == what.actor), "")
    problem = _claims_too_much(strike, what, part) if what.outcome.ok else hung or _unclear(what)
    message = f"{what.verb} ({strike}): {problem}: {ask.said(what)}"
    return [Finding(rule=rule, message=message, evidence=(strike.seq, seq))] if problem else []


def _unclear(what: Finished) -> str:
    outcome = what.outcome
    if outcome.traceback:
        return "ended with a stack trace"
    if outcome.exit_status is None:
        return "died of it"
    if outcome.exit_status == 0:
        return "reported a failure, but exited 0"
    if not outcome.typed:
        return "failed without a typed error"
    return "the error names neither a path nor a limit" if outcome.subject == "" else ""


def _claims_too_much(strike: Strike, what: Finished, part: History) -> str:
    if what.outcome.exit_status:
        return f"reported success, but exited {what.outcome.exit_status}"
    done = _done(strike, part)
    return "reported success, but the work was not done" if done is False else ""


def _done(strike: Strike, part: History) -> bool | None:
    """Whether a list that was asked for afterwards shows the work of the struck command; None if there is none."""
    for _, what in part.of(Finished):
        if what.actor == f"{strike.actor}-list" and what.outcome.agents is not None:
            return strike.actor in what.outcome.agents
        if what.actor == f"{strike.actor}-list" and what.outcome.runs is not None:
            return all(run.status != "running" for run in what.outcome.runs)
    return None


def _remembers(rule: str, strike: Strike, part: History) -> list[Finding]:
    """The answer that a struck turn gave stands in its session with the message, and neither of them twice."""
    requests = ask.requests(part, f"{strike.actor}-again")
    if not requests:
        return []
    seq, what = ask.finished(part, strike.actor)
    asked, told = requests[0][0], Counter(requests[0][1].markers)
    said = {strike.actor: "message", f"{ANSWER}{strike.actor}": "answer"}
    wrong = [f"its {each} {told[marker]} times" for marker, each in said.items() if told[marker] > 1]
    if what.outcome.ok and f"[[{ANSWER}{strike.actor}]]" in what.outcome.text:
        wrong += [f"its {each} not at all" for marker, each in said.items() if not told[marker]]
    if not wrong:
        return []
    message = (
        f"{what.verb} ({strike}): {ask.said(what)}, and the next turn of the session is told {' and '.join(wrong)}"
    )
    return [Finding(rule=rule, message=message, evidence=(strike.seq, seq, asked))]


def _harms_nothing(rule: str, strike: Strike, part: History) -> list[Finding]:
    """Documents are whole, and agents and profiles that the command had nothing to do with are what they were."""
    findings = []
    for seq, seen in part.of(FileSeen):
        gone = seen.role == "config" and not seen.exists
        if gone or (seen.role in ("config", "credentials") and seen.parses is False):
            message = f"after {strike} the {seen.role} file is {'damaged' if seen.exists else 'gone'}"
            findings.append(Finding(rule=rule, message=message, evidence=(strike.seq, seq)))
        if seen.role == "profile other" and not seen.exists:
            message = f"after {strike} a profile that had nothing to do with it is gone"
            findings.append(Finding(rule=rule, message=message, evidence=(strike.seq, seq)))
    for seq, what in part.of(Finished):
        if what.outcome.agents is not None and "bystander" not in what.outcome.agents:
            message = f"after {strike} an agent that had been there is not listed"
            findings.append(Finding(rule=rule, message=message, evidence=(strike.seq, seq)))
    return findings


def _works_again(rule: str, strike: Strike, part: History) -> list[Finding]:
    """Without the fault the same command succeeds, or says clearly that the work had been done already.

    After a turn that failed because its new token could not be stored the next may ask for a new sign-in: the server
    has spent the old one.
    """
    said = not ask.finished(part, strike.actor)[1].outcome.ok
    seq, what = ask.finished(part, f"{strike.actor}-again")
    outcome = what.outcome
    refused = outcome.kind not in ("internal", "unclear") and outcome.exit_status and not outcome.traceback
    token_lost = said and outcome.kind == "auth" and any(t.decision == "minted" for _, t in part.of(TokenAnswered))
    if outcome.ok or (refused and (token_lost or _done(strike, part))):
        return []
    message = f"{what.verb} does not work again after {strike}: {ask.said(what)}"
    return [Finding(rule=rule, message=message, evidence=(strike.seq, seq))]
