"""OPS and RES: what the person or program at the command line is told."""

from __future__ import annotations

import signal
from collections import Counter

from harness.checkers import ask
from harness.checkers.children import RECYCLED
from harness.checkers.judge import CannotDecide
from harness.events import Exited, FaultFired, FileSeen, Finished, History, Hung, ReplySent, Started, TreeSeen
from harness.outcome import RunSeen
from harness.verdict import Finding

WORKER_STOPPED = "the process that does the turn is stopped"
WHEN_OVER = "when no turn may go on any more"
DEADLINE_SLACK = 10.0  # seconds beyond --timeout: two graces and a busy machine, far less than any hang
UNREAD = "unread"  # begins the names of commands whose output nobody reads
UNWRITTEN = "unwritten"  # the same of commands that cannot write theirs
HELPER = "helper"  # the agent that works for another's run, and whose messages carry its name
_LIVE = frozenset({"running"})


def list_shows_truth(history: History) -> list[Finding]:
    """OPS-1: each list of runs has exactly the turns whose process was alive: the command's own, or one below it."""
    findings, judged, doubts = [], 0, []
    for seq, what in history.of(Finished):
        if what.verb != "runs list" or what.outcome.runs is None:
            continue
        if any(run.pid is None for run in what.outcome.runs if run.status in _LIVE):
            raise CannotDecide(f"{what.actor} shows runs without their process")
        judged += 1
        begun = max((s for s, start in history.before(seq).of(Started) if start.actor == what.actor), default=seq)
        earlier, alive = _alive_turns(history.before(begun)), _alive_turns(history.before(seq))
        below = {pid: actor for pid, actor in _processes(history.before(begun)).items() if pid not in earlier}
        shown = [(run.pid, run) for run in what.outcome.runs if run.status in _LIVE]
        for pid, run in shown:
            if pid not in alive and pid not in earlier and pid not in below:
                message = (
                    f"{what.actor} shows run {run.id} of {run.agent} as {run.status}, but its process {pid} is gone"
                )
                findings.append(Finding(rule="OPS-1", message=message, evidence=(seq,)))
        findings += _strangers(history, seq, what.actor, [(run, alive.get(pid or 0, "")) for pid, run in shown])
        helper = {HELPER} if _helps(history, begun, seq) else set()
        doers = [(pid, run.agent) for pid, run in shown if pid in below and run.agent not in helper]
        agents = _agents(history)
        if len({pid for pid, _ in doers}) < len(doers) or any(agents.get(below[pid]) != agent for pid, agent in doers):
            doubts.append(
                f"{what.actor} shows runs as done by a process that no turn has for itself, such as a daemon's"
            )
            continue
        findings += [
            Finding(rule="OPS-1", message=f"{what.actor} shows run {each} {times} times", evidence=(seq,))
            for each, times in Counter(run.id for _, run in shown).items()
            if times > 1
        ]
        listed = {pid for pid, _ in shown}
        for pid, actor in alive.items():
            if pid not in listed and pid in earlier and actor not in {below[each] for each, _ in doers}:
                message = f"{what.actor} leaves out the run of {actor}, which is running as process {pid}"
                findings.append(Finding(rule="OPS-1", message=message, evidence=(seq,)))
        if helper - {run.agent for _, run in shown}:
            message = f"{what.actor} leaves out the run of {HELPER}, which works for another"
            findings.append(Finding(rule="OPS-1", message=message, evidence=(seq,)))
    if not judged:
        raise CannotDecide("no list of runs could be read")
    if doubts and not findings:
        raise CannotDecide(doubts[0])
    return findings + _ids_of_pids(history)


def _helps(history: History, begun: int, ended: int) -> bool:
    """Whether the helper's model kept it waiting from before a list was begun until that had ended."""
    asked = {what.exchange for _, what in ask.requests(history.before(begun), HELPER)}
    return bool(asked - {what.exchange for _, what in history.before(ended).of(ReplySent)})


def _ids_of_pids(history: History) -> list[Finding]:
    """Two runs whose ids differ by their pids alone: an id comes again with its pid, for another run."""
    first: dict[str, tuple[int, str]] = {}
    shown = [(seq, run) for seq, what in history.of(Finished) for run in what.outcome.runs or ()]
    for seq, run in [(seq, run) for seq, run in shown if str(run.pid) in run.id]:
        before, other = first.setdefault(run.id.replace(str(run.pid), "PID"), (seq, run.id))
        if other != run.id:
            message = f"the ids {other} and {run.id} differ by the pids of their runs alone, which come again"
            return [Finding(rule="OPS-1", message=message, evidence=(before, seq))]
    return []


def _strangers(history: History, seq: int, lister: str, shown: list[tuple[RunSeen, str]]) -> list[Finding]:
    """Where a dead run's pid was given to another turn, the runs that are shown as that turn's, but are not."""
    if not ask.fired(history, RECYCLED):
        return []
    agents = _agents(history)
    wrong = [(run, actor) for run, actor in shown if actor and agents.get(actor) not in (None, run.agent)]
    return [
        Finding(
            rule="OPS-1",
            message=f"{lister} shows run {run.id} of {run.agent}, which is dead, as {run.status}: "
            f"its pid {run.pid} is that of {actor} by now",
            evidence=(seq,),
        )
        for run, actor in wrong
    ]


def one_json_document(history: History) -> list[Finding]:
    """OPS-2: every command that was asked for JSON printed one document and nothing else, or did not exit 0."""
    findings, judged = [], 0
    hung = {what.actor for _, what in history.of(Hung)}
    for seq, what in history.of(Finished):
        outcome = what.outcome
        if what.actor.startswith(UNWRITTEN):
            if outcome.exit_status == 0:
                message = f"{what.actor} ({what.verb}) exited 0, and its document could not be written"
                findings.append(Finding(rule="OPS-2", message=message, evidence=(seq,)))
            continue
        if outcome.documents is None or what.actor in hung or signal.SIGKILL in ask.signalled(history, what.actor):
            continue  # nothing was asked for, or nobody could have printed it
        judged += 1
        if outcome.documents != 1:
            message = f"{what.actor} ({what.verb}) printed {outcome.documents} JSON documents: {ask.said(what)}"
            findings.append(Finding(rule="OPS-2", message=message, evidence=(seq,)))
        elif outcome.stray_output:
            line = what.stdout.strip().partition("\n")[0][:120]
            message = f"{what.actor} ({what.verb}) printed more than its document on standard output: “{line}”"
            findings.append(Finding(rule="OPS-2", message=message, evidence=(seq,)))
    if not judged:
        raise CannotDecide("no command that was asked for JSON came to its own end")
    return findings


def deadline_holds(history: History) -> list[Finding]:
    """OPS-3: a turn with a --timeout has ended soon after it."""
    starts = [what for _, what in history.of(Started) if what.verb == "agent"]
    timeouts = {what.actor: what.params["timeout"] for what in starts if what.params.get("timeout") is not None}
    hung = {what.actor: (seq, what) for seq, what in history.of(Hung) if what.actor in timeouts}
    ends = {what.actor: (seq, what) for seq, what in history.of(Finished) if what.actor in timeouts}
    findings = []
    for actor, timeout in timeouts.items():
        if actor in hung:
            message = f"{actor} was still running after {hung[actor][1].seconds:g} s, whatever its --timeout"
            findings.append(Finding(rule="OPS-3", message=message, evidence=(hung[actor][0],)))
        elif actor in ends and ends[actor][1].own_seconds > timeout + DEADLINE_SLACK:
            message = f"{actor} had --timeout {timeout:g} and took {ends[actor][1].seconds:.1f} s"
            findings.append(Finding(rule="OPS-3", message=message, evidence=(ends[actor][0],)))
    if not findings and (not timeouts or timeouts.keys() - ends.keys()):
        raise CannotDecide("no turn had a --timeout, or one never came to an end")
    return findings


def stopped_turns_are_over(history: History) -> list[Finding]:
    """OPS-3: the stopped process of a turn is no more after its --timeout, whether or not anybody waits for it.

    What the list of runs says of it is OPS-1.
    """
    stopped = [seq for seq, what in history.of(FaultFired) if what.fault == WORKER_STOPPED]
    if not stopped:
        return []
    seq, seen = next(((at, each) for at, each in history.of(TreeSeen) if each.when == WHEN_OVER), (0, None))
    if seen is None:
        raise CannotDecide("nobody looked at the processes after the time-outs")
    commands = {what.pid for _, what in history.of(Started)}
    listed = {run.pid: run.agent for _, what in history.of(Finished) for run in what.outcome.runs or ()}
    left = sorted(f"{listed[p.pid]}'s" for p in seen.processes if p.pid in listed.keys() - commands)
    message = f"long after its --timeout {' and '.join(left)} turn is not over: its process was stopped, and still is"
    return [Finding(rule="OPS-3", message=message, evidence=(*stopped, seq))] if left else []


def never_hangs(history: History) -> list[Finding]:
    """OPS-5: whatever its streams are, a command ends, and the config is whole afterwards."""
    findings = [
        Finding(rule="OPS-5", message=f"{hung.actor} hung: it had not ended after {hung.seconds:g} s", evidence=(seq,))
        for seq, hung in history.of(Hung)
    ]
    hung = {what.actor for _, what in history.of(Hung)}
    for seq, what in history.of(Finished):
        if what.outcome.traceback:
            message = f"{what.actor} ({what.verb}) ended with a stack trace: {ask.said(what)}"
            findings.append(Finding(rule="OPS-5", message=message, evidence=(seq,)))
        elif what.outcome.exit_status is None and what.actor not in hung and not _was_to_die(history, what.actor):
            message = f"{what.actor} ({what.verb}) was killed by a signal of its own"
            findings.append(Finding(rule="OPS-5", message=message, evidence=(seq,)))
    findings += _silent_failures(history)
    looks = [(seq, seen) for seq, seen in history.of(FileSeen) if seen.role == "config"]
    findings += [
        Finding(rule="OPS-5", message="the config no longer parses afterwards", evidence=(seq,))
        for seq, seen in looks[-1:]
        if not seen.parses
    ]
    if not findings and (not looks or not any(True for _ in history.of(Finished))):
        raise CannotDecide("no command came to an end, or nobody looked at the config afterwards")
    return findings


def _was_to_die(history: History, actor: str) -> bool:
    """Of a signal: the harness sent it, or it is that of a pipe that nobody reads any more."""
    end = ask.exited(history, actor)
    is_of_the_pipe = actor.startswith(UNREAD) and end is not None and end[1].signal == signal.SIGPIPE
    return is_of_the_pipe or bool(ask.signalled(history, actor))


def _silent_failures(history: History) -> list[Finding]:
    """With all its output readable, a command without a terminal does its work."""
    findings = []
    for seq, what in history.of(Finished):
        if what.actor.startswith("without") and not what.outcome.ok:
            message = f"{what.actor} ({what.verb}) failed only because of its streams: {ask.said(what)}"
            findings.append(Finding(rule="OPS-5", message=message, evidence=(seq,)))
    return findings


def config_unchanged(history: History, rule: str) -> list[Finding]:
    """Every look at the config after the first found the same bytes."""
    looks = [(seq, seen) for seq, seen in history.of(FileSeen) if seen.role == "config"]
    if len(looks) < 2:
        raise CannotDecide("the config was not looked at before and after")
    changed = [(seq, seen) for seq, seen in looks[1:] if seen.digest != looks[0][1].digest]
    if not changed:
        return []
    message = "a refused command changed the config"
    return [Finding(rule=rule, message=message, evidence=(looks[0][0], changed[0][0]))]


def damage_is_not_defaults(history: History) -> list[Finding]:
    """CFG-5: no command on a damaged config succeeds or touches it; the error names the file."""
    damaged = [(seq, what) for seq, what in history.of(Finished) if what.actor.startswith("damaged")]
    if not damaged:
        raise CannotDecide("no command met a damaged config")
    findings, name = [], _config_name(history)
    for seq, what in damaged:
        if what.outcome.ok:
            message = f"{what.actor} ({what.verb}) succeeded on a config that does not parse, as if it were empty"
            findings.append(Finding(rule="CFG-5", message=message, evidence=(seq,)))
        elif what.outcome.exit_status == 0:
            message = f"{what.actor} ({what.verb}) reported a failure but exited 0: {ask.said(what)}"
            findings.append(Finding(rule="CFG-5", message=message, evidence=(seq,)))
        elif name not in what.stdout + what.stderr:
            message = f"{what.actor} does not name the damaged file {name}: {ask.said(what)}"
            findings.append(Finding(rule="CFG-5", message=message, evidence=(seq,)))
    return findings + _damage_kept(history)


def unknown_keys_survive(history: History) -> list[Finding]:
    """CFG-6: every key of the first look that is not the program's own has the same value in the last."""
    looks = [(seq, seen) for seq, seen in history.of(FileSeen) if seen.role == "config"]
    if len(looks) < 2 or not looks[0][1].parses:
        raise CannotDecide("the config was not looked at before and after")
    if not any(what.outcome.ok for _, what in history.of(Finished) if what.verb == "agents add"):
        raise CannotDecide("no add succeeded, so nothing was written")
    (first_seq, first), (last_seq, last) = looks[0], looks[-1]
    keys = first.facts.get("keys", {})
    ours = {path: value for path, value in keys.items() if path.rpartition("/")[2].startswith("x-")}
    kept = last.facts.get("keys", {})  # nothing, when the file no longer parses
    lost = [key for key, value in ours.items() if kept.get(key) != value]
    if not ours:
        raise CannotDecide("the config held no unknown key")
    if not lost:
        return []
    message = f"writing the config lost or changed what the program does not know: {', '.join(lost)}"
    return [Finding(rule="CFG-6", message=message, evidence=(first_seq, last_seq))]


def _alive_turns(history: History) -> dict[int, str]:
    """The turns that had been started and had not ended, by pid."""
    gone = {what.actor for _, what in history.of(Exited)}
    return {what.pid: what.actor for _, what in history.of(Started) if what.verb == "agent" and what.actor not in gone}


def _agents(history: History) -> dict[str, object]:
    """Whose turn each was, by the name of its actor."""
    return {what.actor: what.params.get("agent") for _, what in history.of(Started) if what.verb == "agent"}


def _processes(history: History) -> dict[int | None, str]:
    """Whose each process was that the last look at the tree found, by pid."""
    looks = [what for _, what in history.of(TreeSeen)]
    return {row.pid: row.actor for row in looks[-1].processes} if looks else {}


def _config_name(history: History) -> str:
    for _, seen in history.of(FileSeen):
        if seen.role == "config":
            return seen.path.rpartition("/")[2]
    raise CannotDecide("nobody looked at the config")


def _damage_kept(history: History) -> list[Finding]:
    """Looks come in pairs: the damage as it was done, and the file after the commands that met it."""
    looks = [(seq, seen) for seq, seen in history.of(FileSeen) if seen.role == "config"]
    findings = []
    for (before_seq, before), (after_seq, after) in zip(looks[::2], looks[1::2], strict=False):
        if before.digest != after.digest:
            what = "removed" if not after.exists else "replaced"
            message = f"a damaged config was {what} by a command that should have refused it"
            findings.append(Finding(rule="CFG-5", message=message, evidence=(before_seq, after_seq)))
    return findings
