"""FLO: what a failure in the middle of a turn may not do to what was done and said before it."""

from __future__ import annotations

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.checkers.messages import ANSWER
from harness.events import FileSeen, History
from harness.verdict import Finding

EFFECT = "effect "  # begins the role of a file that counts effects; the actor whose tool call has them comes after
CUT = "cut-call"  # the turn whose tool call lacks half of its arguments
HALF = "half-"  # the marker of an answer that breaks off is the asking turn's with this before it
NEXT = "-next"  # ends the name of the turn that comes after a failure, in the same session


def effects_at_most_once(history: History) -> list[Finding]:
    """FLO-7: what each turn's one tool call does was done once, whatever became of the answers before and after it.

    Half of a call is carried out not at all.
    """
    looks = [(seq, seen) for seq, seen in history.of(FileSeen) if seen.role.startswith(EFFECT)]
    if not looks:
        raise CannotDecide("nobody looked how often a tool's effect had taken place")
    findings = []
    for seq, seen in looks:
        actor, times = seen.role.removeprefix(EFFECT), seen.facts.get("times")
        end, what = ask.finished(history, actor)
        if actor == CUT and times:
            message = f"{actor}: a tool call was carried out of which half of the arguments had come"
            findings.append(Finding(rule="FLO-7", message=message, evidence=(end, seq)))
            continue
        if not isinstance(times, int) or (times == 0 and what.outcome.ok and actor != CUT):
            raise CannotDecide(f"the tool call of {actor} was never carried out, although the turn succeeded")
        if times > 1:
            asked = ask.requests(history, actor)
            models = ", ".join(f"{request.provider} (step {request.turn_step})" for _, request in asked)
            message = f"{actor}: a tool call that was to be carried out once was carried out {times} times: {models}"
            findings.append(Finding(rule="FLO-7", message=message, evidence=(*(s for s, _ in asked), end, seq)))
    return findings


def partial_answers_are_dropped(history: History) -> list[Finding]:
    """FLO-8: what a failed attempt had begun to say is no answer, and later turns are not told of it."""
    findings, judged = [], 0
    for seq, what, _ in ask.turns(history):
        if what.actor.endswith(NEXT):
            continue
        half = f"{HALF}{what.actor}"
        if f"[[{half}]]" in what.outcome.text:
            message = f"{what.actor} gave what had broken off as its answer: “{what.outcome.text[:120]}”"
            findings.append(Finding(rule="FLO-8", message=message, evidence=(seq,)))
        requests = ask.requests(history, f"{what.actor}{NEXT}")
        if not requests:
            raise CannotDecide(f"no turn after {what.actor} asked a provider, so that what is remembered did not show")
        judged += 1
        asked, request = requests[0]
        if half in request.markers:
            message = (
                f"the turn after {what.actor} was told of an answer that had broken off as if the model had said it"
            )
            findings.append(Finding(rule="FLO-8", message=message, evidence=(seq, asked)))
        elif what.outcome.ok and f"{ANSWER}{what.actor}" not in request.markers and not findings:
            raise CannotDecide(f"the turn after {what.actor} was told of no answer at all")
    if not judged:
        raise CannotDecide("no turn came to an end")
    return findings
