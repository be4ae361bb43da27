"""CFG: what concurrent writers may do to a config file."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.checkers.midway import EFFECT
from harness.events import CallReleased, CallSeen, FileSeen, Finished, History, Started
from harness.verdict import Finding

ADDED = "added"  # the agent that a tool adds, and the effect by which it says that it has
_WRITING = ("write", "pwrite", "truncate", "ftruncate", "fallocate", "copy_file_range", "splice", "sendfile")


def acknowledged_adds_survive(history: History) -> list[Finding]:
    """CFG-1: whatever the last list shows holds every add that claimed success."""
    return _survive("CFG-1", history)


def one_resource_one_lock(history: History) -> list[Finding]:
    """CFG-11: the same of adds that reach one config by several paths."""
    return _survive("CFG-11", history)


def a_tool_adds_to_the_same(history: History) -> list[Finding]:
    """CFG-11: an agent whose add exited 0 in a tool is in the list."""
    looks = [(seq, seen) for seq, seen in history.of(FileSeen) if seen.role == f"{EFFECT}{ADDED}"]
    if not looks or not looks[-1][1].facts.get("times"):
        raise CannotDecide("no add exited 0 in a tool")
    seq, listed = _last_list(history)
    if ADDED in listed:
        return []
    message = f"a tool's add of {ADDED} exited 0, and the list shows {', '.join(listed) or 'nobody'}"
    return [Finding(rule="CFG-11", message=message, evidence=(looks[-1][0], seq))]


def adds_survive_a_repair(history: History) -> list[Finding]:
    """OPS-6: the same of adds beside which the config is repaired."""
    return _survive("OPS-6", history)


def _survive(rule: str, history: History) -> list[Finding]:
    seq, listed = _last_list(history)
    adds = _adds(history)
    acknowledged = {name: add_seq for add_seq, name, what in adds if what.outcome.ok and what.outcome.exit_status == 0}
    findings = _says_two_things(rule, adds)
    if lost := {name: add_seq for name, add_seq in acknowledged.items() if name not in listed}:
        message = (
            f"{len(lost)} of {len(acknowledged)} agents whose add had exited 0 are lost: {', '.join(sorted(lost))}; "
            f"the list shows {', '.join(listed) or 'nobody'}{_why(history)}"
        )
        findings.append(Finding(rule=rule, message=message, evidence=(*sorted(lost.values()), seq)))
    for name in acknowledged:
        if (times := listed.count(name)) > 1:
            message = f"{name} is listed {times} times"
            findings.append(Finding(rule=rule, message=message, evidence=(acknowledged[name], seq)))
    if not acknowledged and not findings:
        raise CannotDecide("no add succeeded, so that none could be lost")
    return findings


def _says_two_things(rule: str, adds: list[tuple[int, str, Finished]]) -> list[Finding]:
    """What an add reports and its exit status are one answer."""
    findings = []
    for seq, _, what in adds:
        outcome = what.outcome
        if outcome.ok and outcome.exit_status:
            message = f"{what.actor} reported success but exited {outcome.exit_status}"
            findings.append(Finding(rule=rule, message=message, evidence=(seq,)))
        elif not outcome.ok and outcome.exit_status == 0:
            message = f"{what.actor} reported a failure ({outcome.code or outcome.message}) but exited 0"
            findings.append(Finding(rule=rule, message=message, evidence=(seq,)))
    return findings


def one_winner(history: History) -> list[Finding]:
    """CFG-8: of the adds of one name one succeeds, and the others say why they did not."""
    seq, listed = _last_list(history)
    wins: dict[str, list[int]] = {}
    adds = _adds(history)
    tries = Counter(name for _, name, _ in adds)
    if max(tries.values()) < 2:
        raise CannotDecide("no name was added twice")
    findings = _says_two_things("CFG-8", adds)
    for added_seq, name, finished in adds:
        outcome = finished.outcome
        wins.setdefault(name, [])
        if outcome.ok:
            wins[name].append(added_seq)
        elif outcome.exit_status == 0:
            continue  # said above
        elif not outcome.typed or outcome.exit_status is None:
            said = outcome.message or f"exit status {outcome.exit_status}"
            message = f"{finished.actor} lost the race for {name} without a typed conflict: {said}"
            findings.append(Finding(rule="CFG-8", message=message, evidence=(added_seq,)))
    for name, winners in wins.items():
        if len(winners) != 1:
            message = f"{len(winners)} concurrent adds of {name} succeeded; exactly one may"
            evidence = tuple(winners) or tuple(s for s, added, _ in adds if added == name)
            findings.append(Finding(rule="CFG-8", message=message, evidence=evidence))
        if (times := Counter(listed)[name]) != 1:
            findings.append(Finding(rule="CFG-8", message=f"{name} is listed {times} times", evidence=(seq,)))
    return findings


def readers_see_whole_config(history: History) -> list[Finding]:
    """CFG-2: every look found a whole document. An empty file parses as TOML, and is none once it has held more."""
    looks = [(seq, seen) for seq, seen in history.of(FileSeen) if seen.role == "config"]
    if not looks:
        raise CannotDecide("nobody looked at the config while it was written")
    filled = next((seq for seq, seen in looks if seen.size), looks[-1][0])
    torn = [(seq, seen) for seq, seen in looks if not seen.parses or (seen.size == 0 and seq > filled)]
    if not torn:
        return []
    seen = torn[0][1]
    what = "no file"
    if seen.exists:
        what = f"a file of {seen.size} bytes that does not parse" if seen.size else "an empty file"
    message = f"a reader found {what} in place of the config ({len(torn)} of {len(looks)} looks)"
    return [Finding(rule="CFG-2", message=message, evidence=tuple(s for s, _ in torn[:5]))]


def crash_leaves_old_or_new(history: History) -> list[Finding]:
    """CFG-3: after each kill the config parses and holds nothing half-done, and the next commands succeed."""
    strikes = {strike.actor: strike for strike in ask.strikes(history)}
    if not strikes:
        raise CannotDecide("nothing was killed")
    findings, last = [], ""
    for seq, what in _in_order(history):
        if isinstance(what, FileSeen):
            if not what.parses:
                message = f"the config does not parse after {last or 'an add'}"
                findings.append(Finding(rule="CFG-3", message=message, evidence=(seq,)))
        elif what.actor in strikes:
            last = f"{what.verb} met {strikes[what.actor]}"
        elif not (what.outcome.ok or _done_before(what, history.before(seq))):
            message = (
                f"{what.actor} ({what.verb}) does not work after {last or 'nothing had happened'}: {ask.said(what)}"
            )
            findings.append(Finding(rule="CFG-3", message=message, evidence=(seq,)))
    return findings + _lost_by_a_kill(history)


def temporaries_are_unique(history: History) -> list[Finding]:
    """CFG-4: what becomes the config is written by one command at a time.

    A command uses such a file from its opening for writing to the last call that it makes on it, mostly its rename. Who
    opens the config itself and writes nothing to it, has a lock there. A temporary may be the lock as well, as git's is
    (config.lock, O_EXCL): who only tries to open it has found it taken.
    """
    seen = list(history.of(CallSeen))
    target = next((what.path for _, what in history.of(FileSeen) if what.role == "config"), "")
    written = {what.paths[0] for _, what in seen if what.call.startswith("rename") and what.paths[1:] == (target,)}
    alone = {seq for seq, what in seen if what.makes_only}  # these open nothing that another has, or fail
    findings, uses = [], 0
    for path in sorted({*written, target}):
        writers = _writers(seen, path)
        spans = [span for span in _spans(history, path) if path in written or span[0] in writers]
        uses += len(spans)
        for (first, begun, ended), (second, begun_too, _) in pairwise(spans):
            if begun_too < ended and begun_too not in alone:
                message = f"{first} and {second} had {path.rpartition('/')[2]} open for writing at the same time"
                findings.append(Finding(rule="CFG-4", message=message, evidence=(begun, begun_too, ended)))
    if not uses:
        raise CannotDecide("nobody was seen writing the config")
    return findings


def _spans(history: History, path: str) -> list[tuple[str, int, int]]:
    """Who had a file open for writing, from when to when, in the order of opening.

    The calls are seen before they run: an opening succeeded when the command did something with the file behind it, and
    a call that is held has run when it is let go.
    """
    opened, spans, at_it = dict[str, int](), dict[str, tuple[int, int]](), set[str]()
    events: list[tuple[int, CallSeen | CallReleased]] = [*history.of(CallSeen), *history.of(CallReleased)]
    for seq, what in sorted(events, key=lambda event: event[0]):
        if isinstance(what, CallReleased):
            if what.actor in at_it & spans.keys():
                spans[what.actor] = (opened[what.actor], seq)
            continue
        at_it = at_it | {what.actor} if path in what.paths else at_it - {what.actor}
        if path not in what.paths:
            continue
        if what.actor not in spans and what.call.startswith(("open", "creat")):
            opened[what.actor] = seq
        elif what.actor in opened:
            spans[what.actor] = (opened[what.actor], seq)
    return sorted(((actor, *span) for actor, span in spans.items()), key=lambda span: span[1])


def _writers(seen: list[tuple[int, CallSeen]], path: str) -> set[str]:
    """Who has written to a file."""
    return {what.actor for _, what in seen if what.paths[:1] == (path,) and what.call.startswith(_WRITING)}


def _in_order(history: History) -> list[tuple[int, FileSeen | Finished]]:
    """The looks at the config and the ends of commands; turns are struck by what is done to them."""
    looks = [(seq, seen) for seq, seen in history.of(FileSeen) if seen.role == "config"]
    ends = [(seq, what) for seq, what in history.of(Finished) if what.verb != "agent"]
    return sorted([*looks, *ends], key=lambda entry: entry[0])


def _done_before(what: Finished, history: History) -> bool:
    """Whether a cancel was refused with a code because the run had ended: the last list of runs does not have it."""
    lists = [end.outcome.runs for _, end in history.of(Finished) if end.outcome.runs is not None]
    refused = what.verb == "runs cancel" and what.outcome.typed
    return refused and bool(lists) and all(run.status != "running" for run in lists[-1])


def _lost_by_a_kill(history: History) -> list[Finding]:
    """An agent that was listed once is listed in every later list, unless its delete has been begun."""
    deletes = [(seq, what.params["name"]) for seq, what in history.of(Started) if what.verb == "agents delete"]
    findings, known, known_seq = [], set[str](), 0
    for seq, what in history.of(Finished):
        if what.verb == "agents list" and what.outcome.agents is not None:
            if lost := known - set(what.outcome.agents) - {name for begun, name in deletes if begun < seq}:
                message = f"a killed command lost agents that had been there: {', '.join(sorted(lost))}"
                findings.append(Finding(rule="CFG-3", message=message, evidence=(known_seq, seq)))
            known, known_seq = set(what.outcome.agents), seq
    return findings


def _adds(history: History) -> list[tuple[int, str, Finished]]:
    names = {what.actor: what.params["name"] for _, what in history.of(Started) if what.verb == "agents add"}
    found = [(seq, names[what.actor], what) for seq, what in history.of(Finished) if what.actor in names]
    if not found:
        raise CannotDecide("no add came to an end")
    return found


def _last_list(history: History) -> tuple[int, tuple[str, ...]]:
    lists = [(seq, what.outcome.agents) for seq, what in history.of(Finished) if what.verb == "agents list"]
    if not lists or lists[-1][1] is None:
        raise CannotDecide("the agents could not be listed")
    seq, agents = lists[-1]
    assert agents is not None
    begun = max((s for s, what in history.before(seq).of(Started) if what.verb == "agents list"), default=seq)
    names = {what.actor for _, what in history.of(Started) if what.verb == "agents add"}
    if any(what.actor in names for _, what in history.after(begun).of(Finished)):
        raise CannotDecide("the agents were not listed after the last add")
    return seq, agents


def _why(history: History) -> str:
    """The order in which held replacements were let go, when there was one: the last one wins."""
    order = [what.actor for _, what in history.of(CallReleased) if what.call.startswith("rename")]
    if len(order) < 2:
        return ""
    return f"; the file was replaced by {', then '.join(order)}, each with what it had read before"
