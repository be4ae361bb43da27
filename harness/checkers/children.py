"""CHD: what may be left of a run's child work once the run is over."""

from __future__ import annotations

import signal
from collections.abc import Collection

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.checkers.midway import EFFECT
from harness.events import (
    ChildBeat,
    Exited,
    FaultFired,
    FileSeen,
    Finished,
    History,
    Hung,
    ServiceSeen,
    SurvivorSeen,
    TreeEnded,
    WorkspaceSeen,
)
from harness.outcome import RunSeen
from harness.verdict import Finding

# The usual one first; a hang-up has many, and may end a run by itself (None), but 0 is none of them.
_STATUS = {signal.SIGINT: (130,), signal.SIGTERM: (143,), signal.SIGHUP: (129, None, *range(1, 256))}
TIMEOUT_STATUS = 124
_CANCELLED_STATUS = (143, None, *range(1, 256))  # any but 0
BRIEF = "brief"  # the agent whose background work ends by itself
CANCELLED = "cancelled"  # the agent whose run is cancelled by its id
CANCEL = "cancel"  # the command that does so
PRINTING = "background"  # the background work that prints something all the while
GIVEN = "given"  # the background work that an agent begins which works for another
RECYCLED = "the pid of a dead run belongs to somebody else"  # the fault of CHD-9
_SHORT = 90  # characters of a command line


def no_unaccounted_survivor(history: History) -> list[Finding]:
    """CHD-1: nothing of an ended run lives on, unless the target lists it."""
    return _survivors(history, "CHD-1", "after it had ended")


def grace_is_granted(history: History) -> list[Finding]:
    """CHD-1: work that needs less than the grace period came to its own end, although it was told to end before.

    It adds a line to the effect of its run's name when it begins, and one when it ends by itself.
    """
    findings, judged = [], 0
    for seq, seen in history.of(FileSeen):
        actor, times = seen.role.removeprefix(EFFECT), seen.facts.get("times")
        if not times or not ask.signalled(history, actor):
            continue
        judged += 1
        if times < 2:
            end, what = ask.finished(history, actor)
            message = f"the work of {actor} was ended within the grace period that it was to have: {ask.said(what)}"
            findings.append(Finding(rule="CHD-1", message=message, evidence=(end, seq)))
    if not judged:
        raise CannotDecide("no work had begun when its run was ended")
    return findings


def killed_tree_ends(history: History) -> list[Finding]:
    """CHD-2: after SIGKILL of the command nothing of it lives on, unless the target lists it."""
    return _survivors(history, "CHD-2", "after its command had been killed")


def workspace_quiet(history: History) -> list[Finding]:
    """CHD-3: the workspace is the same as when the command returned."""
    looks: dict[str, list[tuple[int, WorkspaceSeen]]] = {}
    for seq, what in history.of(WorkspaceSeen):
        looks.setdefault(what.workspace, []).append((seq, what))
    if not looks or any(len(seen) < 2 for seen in looks.values()):
        raise CannotDecide("the workspace was not looked at twice")
    findings, running = [], []
    for workspace, (first, *later) in looks.items():  # each has the name of the turn that works there
        if not any(what.actor == workspace for _, what in history.before(first[0]).of(Exited)):
            running.append(workspace)
            continue
        changed = [(seq, what) for seq, what in later if what.fingerprint != first[1].fingerprint]
        for seq, what in changed[:1]:
            message = f"the workspace of {workspace} went on changing after the command had returned ({what.when})"
            findings.append(Finding(rule="CHD-3", message=message, evidence=(first[0], seq)))
    if running and not findings:
        raise CannotDecide(f"the workspace of {running[0]} was looked at before the command had returned")
    return findings


def background_is_listed(history: History) -> list[Finding]:
    """CHD-4: wanted background work, a delegate's too, lives on under a handle, which ends with it or ends it."""
    beats = list(history.of(ChildBeat))
    if not any(what.advanced for _, what in beats if what.child not in (GIVEN, CANCELLED)):
        raise CannotDecide("the background work was not seen at work after its turn")
    given = [(at, what.advanced) for at, what in beats if what.child == GIVEN]
    if given and not given[-1][1]:
        message = "background work that an agent had begun which works for another ended with its turn"
        return [Finding(rule="CHD-4", message=message, evidence=tuple(at for at, _ in given))]
    printing = [(at, what.advanced) for at, what in beats if what.child == PRINTING]
    if len(printing) > 1 and printing[0][1] and not printing[-1][1]:
        message = "background work that prints ended, although nobody had ended it"
        return [Finding(rule="CHD-4", message=message, evidence=tuple(at for at, _ in printing))]
    seq, runs = ask.runs_listed(history, "list")
    if not any(run.jobs for run in runs):
        message = "wanted background work runs on after its turn, but no list of runs shows a handle for it"
        return [Finding(rule="CHD-4", message=message, evidence=(seq,))]
    return _still_listed(history, seq, runs) + _survivors(history, "CHD-4", "although all that is listed was cancelled")


def _still_listed(history: History, seq: int, runs: Collection[RunSeen]) -> list[Finding]:
    """Whether the list shows the work of `BRIEF`, of which nothing was left."""
    ended = [at for at, what in history.before(seq).of(TreeEnded) if what.actor == BRIEF]
    handles = [handle for run in runs if run.agent == BRIEF for handle in run.jobs]
    if not ended or not handles:
        return []
    message = f"the list of runs shows {handles[0]}, background work that had ended by itself"
    return [Finding(rule="CHD-4", message=message, evidence=(ended[0], seq))]


def peers_unharmed(history: History) -> list[Finding]:
    """CHD-5: the child work of other runs went on counting."""
    findings = []
    for seq, turn, _ in ask.turns(history):
        if turn.actor.startswith("peer") and not turn.outcome.ok:
            message = f"{turn.actor} failed when another run was ended: {ask.said(turn)}"
            findings.append(Finding(rule="CHD-5", message=message, evidence=(seq,)))
    ended = next((seq for seq, _ in history.of(FaultFired)), None)
    looks = [] if ended is None else [look for look in history.after(ended).of(ChildBeat) if _is_peer(look[1])]
    for seq, beat in looks:
        if not beat.advanced:
            findings.append(Finding(rule="CHD-5", message=f"ending another run stopped {beat.child}", evidence=(seq,)))
    if not looks and not findings:
        raise CannotDecide("no peer's child work was looked at after another run had been ended")
    return findings


def _is_peer(beat: ChildBeat) -> bool:
    return beat.child.startswith("peer")


def recycled_pid_is_spared(history: History) -> list[Finding]:
    """CHD-9: cancelling a run that is dead leaves the process alone that has its number now, and says what it did."""
    seq, cancel = ask.finished(history, "cancel")
    fired = [at for at, what in history.of(FaultFired) if what.fault == RECYCLED]
    looks = [(at, what) for at, what in history.after(seq).of(ChildBeat) if _is_peer(what)]
    if not fired or not looks:
        raise CannotDecide("no pid was reused, or nobody looked afterwards at the process that has it now")
    findings = [
        Finding(
            rule="CHD-9",
            message=f"cancelling a dead run ended {what.child}, which only has its pid ({ask.said(cancel)})",
            evidence=(fired[0], seq, at),
        )
        for at, what in looks
        if not what.advanced
    ]
    if not findings and (cancel.outcome.exit_status is None or cancel.outcome.kind in ("internal", "unclear")):
        message = f"the cancel of a dead run ended without a typed answer: {ask.said(cancel)}"
        findings.append(Finding(rule="CHD-9", message=message, evidence=(seq,)))
    return findings


def killed_is_not_success(history: History) -> list[Finding]:
    """CHD-7: a signalled, timed-out or cancelled run does not claim success, and exits with the status that says why.

    Neither is it listed as a success. Each run is of an agent of its own.
    """
    findings, judged = [], 0
    hung = {what.actor: what.seconds for _, what in history.of(Hung)}
    for seq, what, started in ask.turns(history):
        expected = _expected_status(history, what, started.params.get("timeout"))
        if expected is None:
            continue
        judged += 1
        if what.actor in hung:
            message = f"{what.actor} did not end at all: after {hung[what.actor]:g} s the harness killed it"
            findings.append(Finding(rule="CHD-7", message=message, evidence=(seq,)))
            continue
        if what.outcome.ok:
            message = f"{what.actor} was ended from outside and still reported success ({ask.said(what)})"
            findings.append(Finding(rule="CHD-7", message=message, evidence=(seq,)))
        elif what.outcome.exit_status not in expected:
            status = what.outcome.exit_status
            shown = "died by the signal without a report" if status is None else f"exited {status}"
            message = f"{what.actor} {shown}; the status for this is {expected[0]}"
            findings.append(Finding(rule="CHD-7", message=message, evidence=(seq,)))
    if not judged:
        raise CannotDecide("no run that was ended from outside came to an end")
    return findings + _listed_as_success(history)


def given_up_is_not_success(history: History) -> list[Finding]:
    """CHD-7: a turn whose model asked for a tool in every answer has no result, and claims none."""
    if not ask.fired(history):
        return []
    found = list(ask.turns(history))
    if not found:
        raise CannotDecide("no turn came to an end")
    claims = [
        Finding(
            rule="CHD-7",
            message=f"{what.actor} was given up as its model asked for tools, and reports success ({ask.said(what)})",
            evidence=(seq,),
        )
        for seq, what, _ in found
        if what.outcome.ok or what.outcome.exit_status == 0
    ]
    return claims or _listed_as_success(history)


def signals_are_told(history: History) -> list[Finding]:
    """CHD-7: who got a signal in the middle of its work ended with the status for it, or had done its work.

    To die by the signal is no claim of anything, and right where it comes before the program has seen to it.
    """
    findings = []
    strikes = [strike for strike in ask.strikes(history) if strike.fault in signal.Signals.__members__]
    if not strikes:
        raise CannotDecide("no command got a signal")
    for strike in strikes:
        seq, what = ask.finished(history, strike.actor)
        expected = _STATUS[signal.Signals[strike.fault]]
        status = what.outcome.exit_status
        if any(one.actor == what.actor for _, one in history.of(Hung)):
            problem = "did not end at all"
        elif status in ((0, None) if what.outcome.ok else (None, *expected)):
            continue
        else:
            problem = f"exited {status}{' and claims success' if what.outcome.ok else ''}"
        message = f"{what.verb} ({strike}) {problem}; the status for this is {expected[0]}: {ask.said(what)}"
        findings.append(Finding(rule="CHD-7", message=message, evidence=(strike.seq, seq)))
    return findings


def _listed_as_success(history: History) -> list[Finding]:
    """The failed turns that some list of runs shows as succeeded."""
    failed = {begun.params.get("agent"): what for _, what, begun in ask.turns(history) if not what.outcome.ok}
    return [
        Finding(rule="CHD-7", message=f"{listing.actor} shows the run of {run.agent} as succeeded", evidence=(seq,))
        for seq, listing in history.of(Finished)
        for run in listing.outcome.runs or ()
        if run.status == "succeeded" and run.agent in failed
    ]


def _expected_status(history: History, what: Finished, timeout: float | None) -> tuple[int | None, ...] | None:
    """Each that says why the run ended; None for one that ended before anything could be done to it."""
    for number in sorted(ask.signalled(history, what.actor)):
        if number in _STATUS:
            return _STATUS[signal.Signals(number)]
    if what.actor == CANCELLED and any(one.actor == CANCEL and one.outcome.ok for _, one in history.of(Finished)):
        return _CANCELLED_STATUS
    timed = timeout is not None and what.actor.startswith("timeout") and what.seconds >= timeout
    return (TIMEOUT_STATUS,) if timed else None


def _survivors(history: History, rule: str, when: str) -> list[Finding]:
    # The tree that the runner looks at last, whatever happened, shows what it killed and not what outlived its command.
    if not any(isinstance(event.what, TreeEnded | SurvivorSeen) for event in history.events):
        raise CannotDecide("nobody looked for survivors")
    by_actor: dict[str, list[tuple[int, SurvivorSeen]]] = {}
    for seq, what in history.of(SurvivorSeen):
        if not what.listed:
            by_actor.setdefault(what.actor, []).append((seq, what))
    stay = [
        Finding(
            rule=rule,
            message=f"a service that commands had left behind does not end by SIGTERM: {_short(what.command)}",
            evidence=(seq,),
        )
        for seq, what in history.of(ServiceSeen)
        if not what.ended
    ]
    return stay + [
        Finding(
            rule=rule,
            message=f"{len(found)} process{'es' if len(found) > 1 else ''} of {actor} "
            + f"{_lived_on(history, actor, found[0][0], when)}: "
            + "; ".join(_short(what.command) for _, what in found[:4]),
            evidence=tuple(seq for seq, _ in found),
        )
        for actor, found in by_actor.items()
    ]


def _short(command: str) -> str:
    """A command line that tells processes apart at a glance: no folders, and not to its end."""
    words = " ".join(word.rpartition("/")[2] or word for word in command.split())
    return words if len(words) <= _SHORT else f"{words[: _SHORT - 1]}…"


def _lived_on(history: History, actor: str, seq: int, when: str) -> str:
    """In words, and true also of a command that swallowed its signal: then nothing has ended at all."""
    end = ask.exited(history, actor)
    return f"lived on {when}" if end and end[0] < seq else "had not ended, the command itself among them"
