"""FLO: what providers ask to be left alone for, and who is asked afterwards."""

from __future__ import annotations

from collections import Counter

from harness.checkers import ask
from harness.checkers.failover import FAILOVER_ORDER
from harness.checkers.judge import CannotDecide
from harness.events import Finished, History, ReplySent
from harness.verdict import Finding

BRIEFLY, BRIEF_REST = ("gemini", 503), 5.0  # who asks, with which status, for a rest of so few seconds
RESTING = "resting"  # the turn whose first model asks to be left alone for long
SET_BACK = "set-back"  # the turn that is asked for a rest by a clock which is ahead, and set back afterwards
AFTERWARDS = ("-next", "-other")  # end the names of a later turn of the same agent, and of another one's
RESTED = "-rested"  # ends the name of a later turn than these, when whoever had asked for a rest has had it
ACCOUNT = "used-up"  # begins the names of rules by which providers ask for a rest in their own words
_USED_UP = f"{ACCOUNT}-codex"  # the one of them that speaks of the account, all of whose models then rest
_REST = frozenset({429, 503, 529})  # statuses with which retry-after comes
_IN_STREAM = "stream-error"  # how the fakes call a failure that is reported once a stream has begun


def bounded(history: History) -> list[Finding]:
    """FLO-5: at most one request a model in a failing turn, and none while a provider has asked to be left alone."""
    findings, judged = [], 0
    for seq, what, _ in ask.turns(history):
        asked = ask.requests(history, what.actor)
        judged += len(asked)
        counts = Counter((f"{request.provider}/{request.model}", request.turn_step) for _, request in asked)
        if storms := {model: n for (model, _), n in counts.items() if n > 1}:
            often = ", ".join(f"{model} {n} times" for model, n in storms.items())
            findings.append(
                Finding(
                    rule="FLO-5", message=f"{what.actor} asked {often} in one turn", evidence=tuple(s for s, _ in asked)
                )
            )
        early = [(s, r.provider) for s, r in asked if what.actor.startswith("after") and _rests(history, s, r.provider)]
        if early:
            message = f"{what.actor} asked {', '.join(p for _, p in early)}, which had asked for a rest"
            findings.append(Finding(rule="FLO-5", message=message, evidence=(seq, *(s for s, _ in early))))
        findings += _account_rests(what, [(s, r.model) for s, r in asked if r.rule == _USED_UP])
    if not judged:
        raise CannotDecide("no turn that ended had asked a provider")
    return findings


def _account_rests(what: Finished, asked: list[tuple[int, str]]) -> list[Finding]:
    """FLO-5: after one model was refused because the account's usage limit is reached, no other one is asked."""
    first, *others = [model for _, model in asked] or [""]
    if not (more := [model for model in others if model != first]):
        return []
    message = f"{what.actor} asked {', '.join(more)} after {first}, although the whole account has reached its limit"
    return [Finding(rule="FLO-5", message=message, evidence=tuple(s for s, _ in asked))]


def only_the_failed_rests(history: History) -> list[Finding]:
    """FLO-6: turns after a failover begin with the first model again, or with the second only while the first rests."""
    findings, judged = [], 0
    for seq, what, _ in ask.turns(history):
        name, role = _round_of(what.actor)
        before = ask.requests(history, name)
        if not role or not before:
            continue
        judged += 1
        asked = ask.requests(history, what.actor)
        may_begin = FAILOVER_ORDER[:2] if name == RESTING and role != RESTED else FAILOVER_ORDER[:1]
        evidence = (before[0][0], *(s for s, _ in asked[:1]), seq)
        if not asked and not what.outcome.ok:
            message = f"{what.actor} asked no model, although one at most had failed: {ask.said(what)}"
            findings.append(Finding(rule="FLO-6", message=message, evidence=evidence))
        elif asked and asked[0][1].provider not in may_begin:
            message = f"{what.actor} began with {asked[0][1].provider}, although {may_begin[-1]} could be asked again"
            findings.append(Finding(rule="FLO-6", message=message, evidence=evidence))
    if not judged:
        raise CannotDecide("no turn came after one that had asked a provider")
    return findings


def _round_of(actor: str) -> tuple[str, str]:
    """The turn in which something failed, and the role of one that comes after it; "" for that turn itself."""
    ends = (*AFTERWARDS, RESTED)
    return next(((actor.removesuffix(end), end) for end in ends if actor.endswith(end)), (actor, ""))


def _rests(history: History, seq: int, provider: str) -> bool:
    """Whether a provider had asked for a rest; one of a few seconds may be over on a machine that is busy."""
    at = {event.seq: event.at for event in history.events}
    earlier = history.before(seq).of(ReplySent)
    asks = [each for each in earlier if each[1].status in _REST or each[1].reply == _IN_STREAM]
    asked = [(s, reply.status) for s, reply in asks if reply.provider == provider]
    if not asked:
        return False
    last, status = asked[-1]
    return (provider, status) != BRIEFLY or at[seq] - at[last] < BRIEF_REST
