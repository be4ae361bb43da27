"""FLO: which failures may move a turn on to the next model, and what is said in the end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import get_args

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import Finished, History, ReplySent, RequestReceived
from harness.outcome import AttemptSeen, Kind
from harness.verdict import Finding

_KIND_OF_STATUS: dict[int, Kind] = {400: "fatal", 413: "fatal", 401: "auth", 403: "auth"}
FAILOVER_ORDER = ("anthropic", "gemini", "codex")  # in which the scenarios configure the models
SLOWLY = "one two three four five six seven eight"  # what a model says that takes its time
STOPPED = "stopped"  # the turn that is ended while its second model keeps it waiting
CONTENT = "content-refused"  # begins the name of a rule by which a model declines to answer, with a good status


def root_cause_first(history: History) -> list[Finding]:
    """FLO-2: the error is the first cause, and the attempts are listed as the servers saw them."""
    findings = _lost_when_stopped(history)
    judged = 0
    for seq, what, _ in ask.turns(history):
        if what.actor == STOPPED:
            continue
        seen = _failures_seen(history, what.actor)
        if len(seen) < 2 or (what.outcome.ok and _was_answered(history, what.actor)):
            continue
        judged += 1
        if what.outcome.ok:
            models = ", ".join(f"{provider} {status}" for provider, status in seen)
            message = f"{what.actor} reported success, although every model had failed ({models})"
            findings.append(Finding(rule="FLO-2", message=message, evidence=(seq,)))
            continue
        first_provider, first_status = seen[0]
        expected = _KIND_OF_STATUS.get(first_status, "retryable")
        if what.outcome.kind != expected:
            message = (
                f"{what.actor} failed first at {first_provider} with {first_status} ({expected}), "
                f"but reported {what.outcome.kind}: {ask.said(what)}"
            )
            findings.append(Finding(rule="FLO-2", message=message, evidence=(seq,)))
        named = {request.model.rpartition("/")[2] for _, request in ask.requests(history, what.actor)}
        findings += _attempts_listed(what, seq, seen, named)
    if not judged:
        raise CannotDecide("no turn failed at more than one model, as far as answers were seen")
    return findings


def _lost_when_stopped(history: History) -> list[Finding]:
    """FLO-2: a turn that lists attempts, and was ended before the last of them was over, lists what had failed."""
    findings, answers = [], ask.replies(history)
    for seq, what, _ in ask.turns(history):
        if what.actor != STOPPED or what.outcome.ok or what.outcome.attempts is None:
            continue
        replies = [answers.get(request.exchange) for _, request in ask.requests(history, what.actor)]
        failed = {(reply.provider, reply.status) for reply in replies if reply and reply.status >= 400}
        listed = _with_status([(attempt.provider, attempt.status) for attempt in what.outcome.attempts])
        if lost := sorted(failed - set(listed)):
            names = ", ".join(f"{provider} {status}" for provider, status in lost)
            message = (
                f"{what.actor} was ended at its second model, and does not list that the first had failed ({names})"
            )
            findings.append(Finding(rule="FLO-2", message=message, evidence=(seq,)))
    return findings


def falls_over_in_order(history: History) -> list[Finding]:
    """FLO-3: a retryable failure leads to the next model and no further, whose answer alone is the result."""
    findings = []
    for seq, what, _ in ask.turns(history):
        providers = [request.provider for _, request in ask.requests(history, what.actor)]
        if not what.outcome.ok:
            message = (
                f"{what.actor}: a failure that another model could have made good ended the turn: {ask.said(what)}"
            )
            findings.append(Finding(rule="FLO-3", message=message, evidence=(seq,)))
        elif _passed_over(history, what.actor):
            message = f"{what.actor} went through {', '.join(providers)}; the second model would have answered"
            findings.append(Finding(rule="FLO-3", message=message, evidence=(seq,)))
        elif bare := _asked_without_tools(history, what.actor):
            findings.append(bare)
        elif what.outcome.text.strip() != "done":
            message = f"{what.actor} gave “{what.outcome.text[:120]}” instead of the next model's answer “done”"
            findings.append(Finding(rule="FLO-3", message=message, evidence=(seq,)))
    if not findings:
        ask.all_ended(history)
        if silent := [what.actor for _, what, _ in ask.turns(history) if not ask.requests(history, what.actor)]:
            raise CannotDecide(f"{', '.join(silent)} succeeded without asking any provider")
    return findings


def _passed_over(history: History, actor: str) -> bool:
    """Whether the third model was asked although the second had not failed. The turn's name ends in who is first."""
    first = next((each for each in FAILOVER_ORDER if actor.endswith(f"-{each}")), FAILOVER_ORDER[0])
    second, third = (each for each in FAILOVER_ORDER if each != first)
    asked = {request.provider for _, request in ask.requests(history, actor)}
    return third in asked and second not in dict(_failures_seen(history, actor))


def slow_answer_is_waited_for(history: History) -> list[Finding]:
    """FLO-3: an answer that takes its time, but goes on coming, is the turn's, and nobody else is asked."""
    seq, what = ask.finished(history, "slow")
    requests = ask.requests(history, "slow")
    if not requests:
        raise CannotDecide(f"the turn asked no provider: {ask.said(what)}")
    first = requests[0]
    others = [(at, request) for at, request in requests if request.provider != first[1].provider]
    if others:
        message = f"an answer that went on coming was taken for a stall, and {others[0][1].provider} was asked instead"
        return [Finding(rule="FLO-3", message=message, evidence=(first[0], others[0][0]))]
    if not what.outcome.ok or what.outcome.text.strip() != SLOWLY:
        message = f"an answer that went on coming did not become the turn's: {ask.said(what)}"
        return [Finding(rule="FLO-3", message=message, evidence=(first[0], seq))]
    return []


def silent_answer_is_an_answer(history: History) -> list[Finding]:
    """FLO-3: an answer that has no words, but came to its end, ends the turn, and nobody else is asked."""
    seq, what = ask.finished(history, "silent")
    answers = ask.replies(history)
    requests = ask.requests(history, "silent")
    answered = [(s, each) for s, each in requests if each.turn_step and _kind_of(answers.get(each.exchange)) == "ok"]
    if not answered:
        raise CannotDecide(f"no model was told of the tool's result: {ask.said(what)}")
    first, request = answered[0]
    if others := [(s, each.provider) for s, each in requests if each.provider != request.provider]:
        message = f"an answer without words was taken for a failure, and {others[0][1]} was asked instead"
        return [Finding(rule="FLO-3", message=message, evidence=(first, others[0][0]))]
    if what.outcome.ok:
        return []
    message = f"an answer without words was taken for a failure: {ask.said(what)}"
    return [Finding(rule="FLO-3", message=message, evidence=(first, seq))]


def _asked_without_tools(history: History, actor: str) -> Finding | None:
    """A provider that was asked in another's place, and never offered tools as the other one had been.

    Programs ask for a title or the like besides, without tools: one request that has none says nothing.
    """
    first: dict[str, tuple[int, int]] = {}  # by provider, and the most tools that it was offered
    for seq, request in ask.requests(history, actor):
        begun, most = first.get(request.provider, (seq, 0))
        first[request.provider] = (begun, max(most, request.tools))
    given = next(((provider, seq, most) for provider, (seq, most) in first.items() if most), None)
    bare = next(
        ((provider, seq) for provider, (seq, most) in first.items() if given and seq > given[1] and not most), None
    )
    if given is None or bare is None:
        return None
    message = f"{actor} asked {bare[0]} without any of the {given[2]} tools that it had offered to {given[0]}"
    return Finding(rule="FLO-3", message=message, evidence=(given[1], bare[1]))


def fatal_stops(history: History) -> list[Finding]:
    """FLO-4: what one provider refused is sent to no other, and is no success that says nothing."""
    findings, judged = [], 0
    answers = ask.replies(history)
    for seq, what, _ in ask.turns(history):
        asked = ask.requests(history, what.actor)
        fatal = (n for n, (_, request) in enumerate(asked) if _is_fatal(request, answers.get(request.exchange)))
        if (refused := next(fatal, None)) is None:
            continue
        judged += 1
        provider, later = asked[refused][1].provider, [request for _, request in asked[refused + 1 :]]
        others = sorted({request.provider for request in later} - {provider})
        if others:
            message = f"{what.actor}: what {provider} had refused was sent to {', '.join(others)} too"
            findings.append(Finding(rule="FLO-4", message=message, evidence=(seq, *(s for s, _ in asked[refused:]))))
        elif asked[refused][1].rule.startswith(CONTENT) and what.outcome.text.strip():
            continue  # a model that declines has said something, which a program may give as its answer
        elif what.outcome.ok and not any(_kind_of(answers.get(request.exchange)) == "ok" for request in later):
            findings.append(
                Finding(
                    rule="FLO-4", message=f"{what.actor}: a refused request was reported as success", evidence=(seq,)
                )
            )
    if not judged:
        raise CannotDecide("no request of a turn that ended was refused")
    return findings


def _failures_seen(history: History, actor: str) -> list[tuple[str, int]]:
    """Provider and status of each provider's first failure, as the servers know them; none when one never answered."""
    answers = ask.replies(history)
    seen: dict[str, int] = {}
    for _, request in ask.requests(history, actor):
        reply = answers.get(request.exchange)
        if reply is None:
            return []
        if _kind_of(reply) != "ok":
            seen.setdefault(request.provider, reply.status)
    return list(seen.items())


def _was_answered(history: History, actor: str) -> bool:
    """Whether a turn's last question was answered: that some model had asked for a tool before is no answer."""
    answers, asked = ask.replies(history), [request for _, request in ask.requests(history, actor)]
    last = [request for request in asked if request.turn_step == max(each.turn_step for each in asked)]
    return any(_kind_of(answers.get(request.exchange)) == "ok" for request in last)


def _attempts_listed(what: Finished, seq: int, seen: list[tuple[str, int]], models: Collection[str]) -> list[Finding]:
    attempts = what.outcome.attempts
    if attempts is None:
        message = f"{what.actor} does not list its attempts ({', '.join(f'{p} {s}' for p, s in seen)})"
        return [Finding(rule="FLO-2", message=message, evidence=(seq,))]
    listed = [(attempt.provider, attempt.status) for attempt in attempts]
    if _with_status(listed) != _with_status(seen):
        message = f"{what.actor} lists the attempts {listed}, but the providers saw {seen}"
        return [Finding(rule="FLO-2", message=message, evidence=(seq,))]
    wrong = [problem for each in attempts if (problem := _mislabelled(each, models))]
    return [Finding(rule="FLO-2", message=f"{what.actor} lists {each}", evidence=(seq,)) for each in wrong]


def _mislabelled(attempt: AttemptSeen, models: Collection[str]) -> str:
    """What is wrong with the model or the kind of a listed failure, in words; "" for nothing."""
    if attempt.status is None or attempt.status < 400:
        return ""
    if (name := attempt.model.rpartition("/")[2]) not in models:
        return f"{attempt.status} of {attempt.provider} as the answer of {name}, which was not asked"
    expected = _KIND_OF_STATUS.get(attempt.status, "retryable")
    if attempt.kind in get_args(Kind) and attempt.kind != expected:
        return f"{attempt.status} of {attempt.provider} as {attempt.kind}; it is {expected}"
    return ""


def _with_status(attempts: Sequence[tuple[str, int | None]]) -> list[tuple[str, int]]:
    """The attempts that ended in an error status, each provider once: a broken connection has no status to compare."""
    found: dict[str, int] = {}
    for provider, status in attempts:
        if status is not None and status >= 400:
            found.setdefault(provider, status)
    return list(found.items())


def _is_fatal(request: RequestReceived, reply: ReplySent | None) -> bool:
    """Whether a request was refused as such: with an error status, or by a model that declines to answer."""
    return _kind_of(reply) == "fatal" or (_kind_of(reply) == "ok" and request.rule.startswith(CONTENT))


def _kind_of(reply: ReplySent | None) -> Kind | None:
    """What an answer means for the turn; None for no answer."""
    if reply is None:
        return None
    whole = reply.outcome == "complete" and 200 <= reply.status < 300
    return "ok" if whole else _KIND_OF_STATUS.get(reply.status, "retryable")
