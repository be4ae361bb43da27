"""FLO: what a failure in the middle of a turn may not do to what was done and said before it."""

from __future__ import annotations

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import FileSeen, History
from harness.verdict import Finding

EFFECT = "effect "  # begins the role of a file that counts effects; the actor whose tool call has them comes after


def effects_at_most_once(history: History) -> list[Finding]:
    """FLO-7: what each turn's one tool call does was done once, whatever became of the answers before and after it."""
    looks = [(seq, seen) for seq, seen in history.of(FileSeen) if seen.role.startswith(EFFECT)]
    if not looks:
        raise CannotDecide("nobody looked how often a tool's effect had taken place")
    findings = []
    for seq, seen in looks:
        actor, times = seen.role.removeprefix(EFFECT), seen.facts.get("times")
        end, what = ask.finished(history, actor)
        if not isinstance(times, int) or (times == 0 and what.outcome.ok):
            raise CannotDecide(f"the tool call of {actor} was never carried out, although the turn succeeded")
        if times > 1:
            asked = ask.requests(history, actor)
            models = ", ".join(f"{request.provider} (step {request.turn_step})" for _, request in asked)
            message = f"{actor}: a tool call that was to be carried out once was carried out {times} times: {models}"
            findings.append(Finding(rule="FLO-7", message=message, evidence=(*(s for s, _ in asked), end, seq)))
    return findings
