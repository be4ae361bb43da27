"""LCK: who may hold a session, who must wait for it, and when it is free again.

Actors play roles that their names tell: a "holder" keeps a session busy, "second" asks for the same session, "after-…"
asks for it once it must be free, and every other turn belongs to an agent of its own.
"""

from __future__ import annotations

import signal
from itertools import pairwise

from harness.checkers import ask
from harness.checkers.fencing import FencedStep, superseded_writer_is_fenced
from harness.checkers.judge import CannotDecide
from harness.checkers.messages import ANSWER, of_turns
from harness.events import (
    CallReleased,
    FaultFired,
    FileSeen,
    Finished,
    History,
    ReplySent,
    RequestReceived,
    Signalled,
    TreeSeen,
)
from harness.verdict import Finding

RECOVERY_FACTOR = 5  # a recovered turn may take this many times the undisturbed one, for load, …
RECOVERY_SECONDS = 1.0  # … and this much more, which is the rule's own bound
WHOLE_SECONDS = 1.0  # an age may be given in whole ones


def isolated_agents_do_not_contend(history: History) -> list[Finding]:
    """LCK-1: every turn of an agent of its own succeeds, and none ends only because the stalled one did."""
    findings = []
    ends = list(ask.turns(history))
    for seq, what, _ in ends:
        if not what.outcome.ok:
            message = f"{what.actor}, alone in its workspace, failed: {ask.said(what)}"
            findings.append(Finding(rule="LCK-1", message=message, evidence=(seq,)))
    if not findings:
        ask.all_ended(history)
        if silent := [what.actor for _, what, _ in ends if not ask.requests(history, what.actor)]:
            raise CannotDecide(f"{', '.join(silent)} succeeded without asking any provider")
    return findings


def peers_end_before(history: History) -> list[Finding]:
    """LCK-1: the turns of other agents ended while the stalled one was still held."""
    held = [seq for seq, what in history.of(FaultFired) if what.fault.startswith("held at")]
    if not held:
        return []
    ends = {what.actor: seq for seq, what, _ in ask.turns(history)}
    stalled_end = ends.get("lane0")
    if stalled_end is None:
        raise CannotDecide("the stalled turn never ended")
    late = [actor for actor, seq in ends.items() if seq > stalled_end]
    if not late:
        ask.all_ended(history)
        return []
    message = f"{', '.join(late)} ended only after the stalled lane0 had, although their agents have nothing in common"
    return [Finding(rule="LCK-1", message=message, evidence=(held[0], stalled_end))]


def dead_holder_recovered(history: History) -> list[Finding]:
    """LCK-2: the turn after the kill succeeds, about as fast as one that nobody disturbed."""
    return _free_again(history, "LCK-2", "after its holder had been killed")


def stale_record_does_not_block(history: History) -> list[Finding]:
    """LCK-3: a leftover record of a reused pid changes nothing."""
    return _free_again(history, "LCK-3", "because of a leftover record that names an unrelated live process")


def lock_released(history: History) -> list[Finding]:
    """LCK-8: after each kind of end the session is free."""
    return _free_again(history, "LCK-8", "after the run before it had ended")


def run_does_not_wait_for_itself(history: History) -> list[Finding]:
    """LCK-7: a turn that a tool of the holder starts in the holder's session ends, and lets the holder end."""
    seq, outer = ask.finished(history, "outer")
    times = {what.role: what.facts.get("times") for _, what in history.of(FileSeen)}
    begun, ended = times.get("effect inner-begun"), times.get("effect inner-ended")
    if not begun:
        raise CannotDecide("the tool call that was to start a turn within the turn was never carried out")
    if outer.outcome.ok and ended:
        return []
    if outer.outcome.ok:
        raise CannotDecide("the turn ended well, and left the turn within it unended")
    how = "ended, and it failed all the same" if ended else "waited for it, and it for the one within"
    message = f"a turn whose tool starts another in the same session: the one within {how}: {ask.said(outer)}"
    return [Finding(rule="LCK-7", message=message, evidence=(seq,))]


def run_does_not_wait_for_its_asker(history: History) -> list[Finding]:
    """LCK-7: a run that an agent at work for another gives back to the other's session ends, and lets both end."""
    seq, outer = ask.finished(history, "outer")
    middle = [(at, what) for at, what in history.of(RequestReceived) if what.marker.startswith("outer.")]
    if not middle or (outer.outcome.ok and not any(what.turn_step for _, what in middle)):
        raise CannotDecide("the agent that was to give work back was never asked, or did not give any")
    if outer.outcome.ok:
        return []
    message = f"work was given back to a session by an agent that works for it, and its turn failed: {ask.said(outer)}"
    return [Finding(rule="LCK-7", message=message, evidence=(middle[0][0], seq))]


def busy_is_typed(history: History) -> list[Finding]:
    """LCK-6: a second run of a held session is refused in time, and says by whom it is held."""
    routed = [what.actor for _, what in history.of(Finished) if what.actor == "second-routed"]
    return [each for actor in ("second", *routed) for each in _says_who_has_it(history, actor)] or _wrong_ages(history)


def _says_who_has_it(history: History, actor: str) -> list[Finding]:
    seq, second = ask.finished(history, actor)
    _, holder = ask.started(history, "holder")
    outcome = second.outcome
    if outcome.ok:
        raise CannotDecide("the second run succeeded: the session was not held")
    lacks = []
    if outcome.kind != "busy" or not outcome.code:
        lacks.append("it is not typed as busy")
    if outcome.exit_status in (0, None):
        lacks.append(f"its exit status is {outcome.exit_status}")
    if outcome.holder is None or outcome.holder.pid is None:
        lacks.append("the holder's pid is not named")
    elif outcome.holder.pid not in _pids_of(history, "holder", holder.pid):
        lacks.append(f"it names pid {outcome.holder.pid}, but the holder is {holder.pid}")
    if outcome.holder is None or not outcome.holder.run:
        lacks.append("the holder's run is not named")
    elif (runs := _runs_of(history, holder.pid)) and outcome.holder.run not in runs:
        lacks.append(f"it names run {outcome.holder.run}, but the holder's is {' or '.join(sorted(runs))}")
    if outcome.holder is None or outcome.holder.age is None or outcome.holder.age < 0:
        lacks.append("how long it has been held is not said")
    message = f"{actor}, of a held session, was refused with {ask.said(second)}, but {'; '.join(lacks)}"
    return [Finding(rule="LCK-6", message=message, evidence=(seq,))] if lacks else []


def _wrong_ages(history: History) -> list[Finding]:
    """Ages below what the holder had had the session for when the command began, or above what it can have had it."""
    at = {event.seq: event.at for event in history.events}
    holder, asked = ask.started(history, "holder")[0], ask.requests(history, "holder")
    findings = []
    for seq, what, _ in ask.turns(history):
        if what.actor not in ("second", "third") or what.outcome.holder is None or what.outcome.holder.age is None:
            continue
        begin, age = ask.started(history, what.actor)[0], what.outcome.holder.age
        least, most = (at[begin] - at[asked[0][0]] if asked else 0.0), at[seq] - at[holder]
        if not least - WHOLE_SECONDS < age < most + WHOLE_SECONDS:
            bound = f"{most:.1f} s at most" if age > most else f"{least:.1f} s at least"
            message = f"{what.actor} was told that the session had been held for {age:.1f} s, after {bound}"
            findings.append(Finding(rule="LCK-6", message=message, evidence=(holder, begin, seq)))
    return findings


def stopped_holder_is_not_robbed(history: History) -> list[Finding]:
    """LCK-4: while a holder is only stopped nobody else gets its session, or else the holder is fenced off (LCK-5)."""
    continued = ("holder", int(signal.SIGCONT))
    resumed = [seq for seq, what in history.of(Signalled) if (what.actor, what.signal) == continued]
    resumed += [seq for seq, what in history.of(CallReleased) if what.actor == "holder"]
    if not resumed:
        raise CannotDecide("the holder was not stopped and let go on")
    robbed = [seq for seq, _ in ask.requests(history, "second") if seq < resumed[0]]
    asked, told = _told_afterwards(history)
    seq, holder = ask.finished(history, "holder")
    if not robbed and not holder.outcome.ok:
        raise CannotDecide(f"the holder kept its session, and failed for another reason: {ask.said(holder)}")
    second = [what for _, what in history.of(Finished) if robbed and what.actor == "second" and what.outcome.ok]
    is_lost = bool(second) and f"{ANSWER}second" not in told  # what was written under a later number, if there is any
    late = superseded_writer_is_fenced(_fenced_steps(history, asked, told)) if robbed and not is_lost else []
    if is_lost:
        message = "the holder was alive, only stopped; another run got its session, and the answer of that one is lost"
    elif late:
        message = f"the holder was alive, only stopped; another run got its session, and then {late[0].message}"
    elif holder.outcome.ok and f"{ANSWER}holder" not in told:
        message = "the holder, which had only been stopped, reported success; the session does not have its answer"
    else:
        return []
    return [Finding(rule="LCK-4", message=message, evidence=(*robbed[:1], resumed[0], seq, asked))]


def superseded_holder_is_fenced(history: History) -> list[Finding]:
    """LCK-5: a holder that comes back when its lock has passed on adds nothing, spoils nothing, and says so."""
    asked, told = _told_afterwards(history)
    findings = superseded_writer_is_fenced(_fenced_steps(history, asked, told))
    for name in ("holder", "second"):
        seq, what = ask.finished(history, name)
        if what.outcome.ok and f"{ANSWER}{name}" not in told:
            message = f"{name} reported success, and the session does not have its answer"
            findings.append(Finding(rule="LCK-5", message=message, evidence=(seq, asked)))
    return findings


def slow_writer_is_fenced(history: History) -> list[Finding]:
    """LCK-5: the same of a holder that was slow to write; another run that was refused meanwhile superseded nobody."""
    _, told = _told_afterwards(history)
    _, second = ask.finished(history, "second")
    refused = not second.outcome.ok and second.outcome.typed and "second" not in told
    return [] if refused else superseded_holder_is_fenced(history)


def _told_afterwards(history: History) -> tuple[int, tuple[str, ...]]:
    """What the conversation held, in its order, that the turn after all the others sent to its provider."""
    for _, what, _ in ask.turns(history):
        if what.actor.startswith("after") and (requests := ask.requests(history, what.actor)):
            return requests[0][0], of_turns(history, requests[0][1].markers)
    raise CannotDecide("no later turn asked a provider, so that what the session holds did not show")


def _fenced_steps(history: History, asked: int, told: tuple[str, ...]) -> list[FencedStep]:
    """A session's questions as grants, numbered in their order, and its answers as what was appended under them."""
    steps: list[FencedStep] = []
    numbers: dict[str, int] = {}
    for marker in told:
        actor = marker.removeprefix(ANSWER)
        if marker == actor and actor not in numbers and not actor.startswith("after"):
            numbers[actor] = len(numbers) + 1
            seq = ask.started(history, actor)[0]
            steps.append(FencedStep(actor=actor, kind="granted", lock="the session", number=numbers[actor], seq=seq))
        elif marker != actor and actor in numbers:
            number = numbers[actor]
            steps.append(FencedStep(actor=actor, kind="appended", lock="the session", number=number, seq=asked))
    return steps


def session_is_held_alone(history: History) -> list[Finding]:
    """LCK-4: no run of the session asks a model before whoever had asked before it has its last answer."""
    answered = {what.exchange: seq for seq, what in history.of(ReplySent)}
    spans = []
    for seq, what, _ in ask.turns(history):
        if requests := ask.requests(history, what.actor):
            spans.append((requests[0][0], answered.get(requests[-1][1].exchange, seq), what.actor))
    if not any(actor == "second" for _, _, actor in spans) and ask.finished(history, "second")[1].outcome.ok:
        raise CannotDecide("the second run asked no provider, although it succeeded")
    spans.sort()
    return [
        Finding(
            rule="LCK-4",
            message=f"{other} asked its model while {actor} had the session and waited for an answer",
            evidence=(asked, begun, end),
        )
        for (asked, end, actor), (begun, _, other) in pairwise(spans)
        if begun < end
    ]


def queue_or_refuse_is_said(history: History) -> list[Finding]:
    """OPS-4: the second run of a held session waits, says so meanwhile, and goes on from there, or is refused."""
    seq, second = ask.finished(history, "second")
    held = {request.exchange for _, request in ask.requests(history, "holder")}
    answered = [at for at, what in history.of(ReplySent) if what.exchange in held]
    looks = [(at, what) for at, what in history.of(FileSeen) if what.role == "standard error of second"]
    if not answered or not looks:
        raise CannotDecide("the session was not held, or nobody looked at what the second run said meanwhile")
    if not second.outcome.ok:
        if second.outcome.typed:
            return []
        message = f"the second run of a held session was neither queued nor refused clearly: {ask.said(second)}"
        return [Finding(rule="OPS-4", message=message, evidence=(seq,))]
    asked = ask.requests(history, "second")
    if asked and asked[0][0] < answered[-1]:
        message = "the second run of a held session was neither queued nor refused: it ran beside the first"
        return [Finding(rule="OPS-4", message=message, evidence=(asked[0][0], answered[-1]))]
    if looks[-1][1].size == 0:
        message = "the second run waited for a held session and said nothing: nobody can tell a queue from a hang"
        return [Finding(rule="OPS-4", message=message, evidence=(looks[-1][0], seq))]
    for at, request in asked[:1]:
        if missing := [part for part in ("holder", f"{ANSWER}holder") if part not in request.markers]:
            message = f"the second run of a held session waited, and then was told nothing of {' and '.join(missing)}"
            return [Finding(rule="OPS-4", message=message, evidence=(answered[-1], at))]
    return []


def _free_again(history: History, rule: str, when: str) -> list[Finding]:
    later = [(seq, what) for seq, what, _ in ask.turns(history) if what.actor.startswith("after")]
    _, undisturbed = ask.finished(history, "undisturbed")
    if not undisturbed.outcome.ok:
        raise CannotDecide(f"the undisturbed turn failed: {ask.said(undisturbed)}")
    bound = RECOVERY_FACTOR * undisturbed.own_seconds + RECOVERY_SECONDS
    findings = []
    for seq, what in later:
        if not what.outcome.ok:
            findings.append(
                Finding(rule=rule, message=f"{what.actor} failed {when}: {ask.said(what)}", evidence=(seq,))
            )
        elif what.own_seconds > bound:
            findings.append(Finding(rule=rule, message=_slow(what, when, undisturbed), evidence=(seq,)))
    if not findings:
        ask.all_ended(history, "after")
    return findings


def _slow(what: Finished, when: str, undisturbed: Finished) -> str:
    return f"{what.actor} took {what.own_seconds:.1f} s {when}; undisturbed it takes {undisturbed.own_seconds:.1f} s"


def _runs_of(history: History, pid: int) -> set[str]:
    """The runs that a list shows as done by this process; none where the target has no list of runs."""
    lists = [what.outcome.runs or () for _, what in history.of(Finished) if what.verb == "runs list"]
    return {run.id for runs in lists for run in runs if run.pid == pid}


def _pids_of(history: History, actor: str, pid: int) -> set[int]:
    """The actor's own process and its descendants, as far as the history shows them."""
    rows = [row for _, tree in history.of(TreeSeen) for row in tree.processes if row.actor == actor]
    return {pid, *(row.pid for row in rows)}
