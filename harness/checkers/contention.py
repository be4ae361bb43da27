"""CFG-7: what a command makes of a lock that another holds.

Actors play roles that their names tell: "list-before" shows what there is, before anybody holds a lock.
"""

from __future__ import annotations

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import FileSeen, Finished, History
from harness.outcome import Outcome
from harness.verdict import Finding

_RULE = "CFG-7"


def contention_is_not_absence(history: History) -> list[Finding]:
    """CFG-7: while a lock is held, and afterwards, nobody finds less than there was; who gives up says why."""
    findings = _lists(history) + _profiles(history)
    for seq, what in history.of(Finished):
        if problem := _problem(what):
            message = f"{what.actor} ({what.verb}) {problem}: {ask.said(what)}"
            findings.append(Finding(rule=_RULE, message=message, evidence=(seq,)))
    return findings


def _lists(history: History) -> list[Finding]:
    """Every list has the agents that the first one had."""
    lists = [(seq, what) for seq, what in history.of(Finished) if what.outcome.agents is not None]
    if not lists:
        if any(True for _ in ask.turns(history)):
            return []
        raise CannotDecide("nobody listed the agents, and no turn was started")
    (first, before), *later = lists
    there = set(before.outcome.agents or ())
    if not there:
        raise CannotDecide("there was no agent that could have been overlooked")
    return [
        Finding(
            rule=_RULE,
            message=f"{what.actor} shows nothing of {', '.join(sorted(missing))}, as if the config did not have it",
            evidence=(first, seq),
        )
        for seq, what in later
        if (missing := there - set(what.outcome.agents or ()))
    ]


def _profiles(history: History) -> list[Finding]:
    """A credential that was there is there."""
    return [
        Finding(rule=_RULE, message=f"the {what.role} is gone from the store", evidence=(seq,))
        for seq, what in history.of(FileSeen)
        if what.role == "profile main" and not what.exists
    ]


def _problem(what: Finished) -> str:
    """What is wrong with how a command ended; empty if nothing is."""
    if what.outcome.ok:
        return ""
    if what.outcome.kind == "auth" or any(attempt.kind == "auth" for attempt in what.outcome.attempts or ()):
        return "takes a credential that another command holds for none"
    return "" if _says_why(what.outcome) else "does not say what it could not have"


def _says_why(outcome: Outcome) -> bool:
    return outcome.typed and outcome.exit_status not in (0, None)
