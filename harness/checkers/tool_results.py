"""MSG-6: what comes of the tools that an answer asks for, and of the answer itself."""

from __future__ import annotations

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.checkers.messages import TOOL
from harness.events import FileSeen, History, Hung, ReplySent
from harness.verdict import Finding

# By the model, in characters of one byte to four, in lines that end as those of some files must, as of a patch for one.
SAID = "Grüße an alle:\r\n\r\n\t你好,  世界 🙂 \n    fin"
ANSWERED = ("direct", "piped", "routed")  # turns that are given a long answer, which ends with their marker
CALLS = 9  # of which all but three cannot be carried out
TWICE = "twice"  # what two of them do, which are alike
_NAMES = ("bytes", "flood", "left", "errors", "here", "signals")
_OK = 200
_LIKE_CALLS = 2
_SILENT = 3  # tools that print nothing, the last of all; of them the first alone succeeds
_TOOLS = len(_NAMES) + _SILENT


def results_are_told(history: History) -> list[Finding]:
    """MSG-6: the turn's last request has the result of every tool, and the turn ends with what the model then said."""
    seq, what = ask.finished(history, "lane0")
    requests = ask.requests(history, "lane0")
    if not requests:
        raise CannotDecide(f"lane0 asked no provider: {ask.said(what)}")
    hung = any(one.actor == "lane0" for _, one in history.of(Hung))
    at, last = requests[-1]
    if len(requests) == 1 or last.turn_step < _TOOLS:
        told = f"its model was told {last.turn_step} of {_TOOLS} results of the tools that it had asked for at once"
        ended = "does not end" if hung else f"ended: {ask.said(what)}"
        return [_finding(f"lane0 {ended}; {told}", at, seq)]
    if missing := [name for name in _NAMES if f"{TOOL}{name}" not in last.markers]:
        return [_finding(f"the model was told nothing of what the tools printed: {', '.join(missing)}", at, seq)]
    expected = [*(f"{TOOL}{name}" for name in _NAMES), *[""] * _SILENT]
    if list(last.told) != expected and sorted(last.told) == sorted(expected):
        return [_finding("the model was told what one tool had printed as the result of another", at, seq)]
    if len(last.results) == _TOOLS and last.results[-_SILENT] in last.results[1 - _SILENT :]:
        message = "a tool that failed and one that did not, neither of which had printed anything, are told of alike"
        return [_finding(message, at, seq)]
    if hung or not what.outcome.ok:
        return [_finding(f"lane0 {'does not end' if hung else 'failed'}: {ask.said(what)}", at, seq)]
    if what.outcome.text.strip() != SAID:
        return [_finding(f"the model said {SAID!r}, and the turn gave {what.outcome.text.strip()[:120]!r}", at, seq)]
    return []


def mistakes_are_told(history: History) -> list[Finding]:
    """MSG-6: the turn's last request has an answer to each of its calls, of which one could be carried out."""
    seq, what = ask.finished(history, "lane0")
    requests = ask.requests(history, "lane0")
    if not requests:
        raise CannotDecide(f"lane0 asked no provider: {ask.said(what)}")
    at, last = requests[-1]
    if last.turn_step < CALLS:
        told = f"its model was told of {last.turn_step} of the {CALLS} calls that it had asked for"
        hung = any(one.actor == "lane0" for _, one in history.of(Hung))
        return [_finding(f"lane0 {'does not end' if hung else f'ended: {ask.said(what)}'}; {told}", at, seq)]
    if f"{TOOL}good" not in last.markers:
        return [_finding("the model was told nothing of what the tool printed that could be run", at, seq)]
    times = [(s, seen.facts.get("times")) for s, seen in history.of(FileSeen) if seen.role == f"effect {TWICE}"]
    if not times:
        raise CannotDecide("nobody looked at what the two calls that are alike have done")
    if times[-1][1] != _LIKE_CALLS:
        message = (
            f"of two calls that are alike {times[-1][1] or 'none'} was carried out, and the model was told of both"
        )
        return [_finding(message, at, times[-1][0])]
    return [] if what.outcome.ok else [_finding(f"lane0 failed: {ask.said(what)}", at, seq)]


def long_answers_are_whole(history: History) -> list[Finding]:
    """MSG-6: each turn ends with the whole of its answer."""
    findings, judged = list[Finding](), 0
    said = {what.exchange for _, what in history.of(ReplySent) if what.status == _OK and what.outcome == "complete"}
    for seq, what, _ in ask.turns(history):
        requests = [(at, request) for at, request in ask.requests(history, what.actor) if request.exchange in said]
        if not requests:
            continue
        judged += 1
        at, text = requests[-1][0], what.outcome.text.strip()
        if not what.outcome.ok:
            findings.append(_finding(f"{what.actor} was answered, and failed: {ask.said(what)}", at, seq))
        elif not text.endswith(f"[[{what.actor}]]"):
            findings.append(_finding(f"of what {what.actor} was answered it gave {len(text):,} characters", at, seq))
    if not judged:
        raise CannotDecide("no turn was given an answer")
    return findings


def answers_are_as_said(history: History) -> list[Finding]:
    """MSG-6: each turn ends with the words of its model, no more and no less; blanks around them are no words.

    Where a tool was asked for before, the model was told the whole of what it printed.
    """
    findings = []
    for seq, what, _ in ask.turns(history):
        requests = ask.requests(history, what.actor)
        if not requests:
            raise CannotDecide(f"{what.actor} asked no provider: {ask.said(what)}")
        at, last = requests[-1]
        if last.turn_step and (missing := [end for end in ends_of(what.actor) if end not in last.markers]):
            message = (
                f"the model of {what.actor} was told of its tool, but not all that it had printed: no {missing[0]}"
            )
            findings.append(_finding(message, at, seq))
        if not what.outcome.ok or what.outcome.text.strip() != SAID:
            given = f"gave {what.outcome.text.strip()[:120]!r}" if what.outcome.ok else f"failed: {ask.said(what)}"
            message = f"the model of {what.actor} said {SAID!r}, and the turn {given}"
            findings.append(_finding(message, at, seq))
    return findings


def ends_of(actor: str) -> tuple[str, str]:
    """The markers with which what an actor's tool prints begins and ends."""
    return f"{TOOL}{actor}-first", f"{TOOL}{actor}-last"


def _finding(message: str, *evidence: int) -> Finding:
    return Finding(rule="MSG-6", message=message, evidence=evidence)
