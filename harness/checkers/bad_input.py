"""RES-5: input that is wrong, which is told and changes nothing."""

from __future__ import annotations

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.checkers.operator import config_unchanged
from harness.events import FileSeen, Finished, History, RequestReceived
from harness.verdict import Finding

BEGINNING, LARGE = "beginning", "large"  # the markers that begin and end a large message; the second is its actor
WORKSPACES = "workspaces"  # the role of a look at which folders there are for agents


def bad_input_is_refused(history: History) -> list[Finding]:
    """RES-5: each piece of bad input got a typed error, and neither the config's bytes nor the folders are others."""
    findings = []
    bad = [(seq, what) for seq, what in history.of(Finished) if what.actor.startswith("bad")]
    if not bad:
        raise CannotDecide("no bad input was given")
    for seq, what in bad:
        problem = _problem(what)
        if problem:
            message = f"{what.actor}: {problem}: {ask.said(what)}"
            findings.append(Finding(rule="RES-5", message=message, evidence=(seq,)))
    findings += _large(history) + _new_folders(history)
    try:
        return findings + config_unchanged(history, "RES-5")
    except CannotDecide:
        if not findings:
            raise
        return findings


def _large(history: History) -> list[Finding]:
    """A large message is refused with a typed error, or told whole."""
    findings = [
        Finding(rule="RES-5", message=f"{what.actor}: {_problem(what)}: {ask.said(what)}", evidence=(seq,))
        for seq, what in history.of(Finished)
        if what.actor == LARGE and not what.outcome.ok and _problem(what)
    ]
    cut = [seq for seq, what in history.of(RequestReceived) if BEGINNING in what.markers and LARGE not in what.markers]
    message = "of a large message the model was told the beginning alone"
    return findings + [Finding(rule="RES-5", message=message, evidence=(seq,)) for seq in cut[:1]]


def _new_folders(history: History) -> list[Finding]:
    """What refused commands have made among the workspaces."""
    looks = [(seq, set(seen.facts["names"])) for seq, seen in history.of(FileSeen) if seen.role == WORKSPACES]
    made = sorted(looks[-1][1] - looks[0][1]) if looks else []
    message = f"a refused command left a folder behind: {', '.join(made)}"
    return [Finding(rule="RES-5", message=message, evidence=(looks[0][0], looks[-1][0]))] if made else []


def _problem(what: Finished) -> str:
    outcome = what.outcome
    if outcome.ok:
        return "bad input was accepted"
    if outcome.traceback:
        return "it ended in a stack trace"
    if not outcome.typed:
        return "the error is not typed"
    if outcome.exit_status in (0, None):
        return f"the exit status is {outcome.exit_status}"
    return ""
