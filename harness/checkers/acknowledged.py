"""CFG-10: what a power cut may leave of a turn that had returned: its part of the session, and a renewed credential."""

from __future__ import annotations

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.checkers.messages import ANSWER
from harness.events import FileSeen, FilesRecorded, History, PowerLost
from harness.verdict import Finding

RENEWED = "returned"  # the turn that has returned before the cut
NEXT = "-next"  # ends the name of the first turn after a cut
_NAMED = 3  # losses in a finding
_Case = tuple[PowerLost, str, tuple[int, ...]]  # a cut, what is wrong after it, in words, and the events that show it


def turn_survives_power_loss(history: History) -> list[Finding]:
    """CFG-10: whatever was not synced, the next turn is told of the one that had returned, and its credential is there.

    What breaks in the same way is one finding, told by the smallest loss.
    """
    _, returned = ask.finished(history, RENEWED)
    if not returned.outcome.ok:
        raise CannotDecide(f"the turn before the cut failed: {ask.said(returned)}")
    if unknown := [reason for _, what in history.of(FilesRecorded) for reason in what.unknown]:
        raise CannotDecide(f"what was written is not known: {'; '.join(unknown)}")
    trials = list(ask.power_cuts(history))
    if not trials:
        raise CannotDecide("no state after a power cut was tried")
    stored = [seen.facts.get("generation") for _, seen in _profiles(history.before(trials[0][0]))][-1:]
    cases = [case for seq, cut, part in trials if (case := _broken(stored, seq, cut, part)) is not None]
    found: dict[str, list[_Case]] = {}
    for case in sorted(cases, key=lambda case: len(case[0].lost)):
        found.setdefault(case[1].partition(":")[0], []).append(case)
    return [_finding(same, len(trials)) for same in found.values()]


def _finding(same: list[_Case], tried: int) -> Finding:
    cut, effect, evidence = same[0]
    names = list(dict.fromkeys(f"{each.path} after the {each.call}" for each in cut.lost))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    message = (
        f"the turn exited 0, but did not sync {', '.join(names[:_NAMED])}{more}: after a power cut {effect} "
        f"({len(same)} of {tried} states; this one is allowed by {' and '.join(cut.models)})"
    )
    return Finding(rule="CFG-10", message=message, evidence=evidence)


def _broken(stored: list[object], seq: int, cut: PowerLost, part: History) -> _Case | None:
    """What is wrong after a cut; `stored` is the generation of the credential before it, where there is one."""
    for at, seen in _profiles(part)[:1]:
        if stored and stored[0] is not None and seen.facts.get("generation") != stored[0]:
            return cut, "the credential that it had renewed is not there any more", (seq, at)
    end, after = ask.finished(part, f"{cut.trial}{NEXT}")
    if not after.outcome.ok:
        return cut, f"the next turn fails: {ask.said(after)}", (seq, end)
    asked = ask.requests(part, after.actor)
    if asked and not {RENEWED, f"{ANSWER}{RENEWED}"} <= set(asked[0][1].markers):
        return cut, "the next turn is not told of it", (seq, asked[0][0])
    return None


def _profiles(history: History) -> list[tuple[int, FileSeen]]:
    return [(seq, seen) for seq, seen in history.of(FileSeen) if seen.role == "profile main"]
