"""GIT-1, GIT-2, CFG-12: agents that are added in new worktrees of one repository.

An agent's worktree has the agent's name. The repository is looked at before the first add and after the last.
"""

from __future__ import annotations

import signal
from collections.abc import Collection

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import Finished, History, RepositorySeen, Signalled, Started
from harness.verdict import Finding

Look = tuple[int, RepositorySeen]


def worktrees_exist_or_fail_cleanly(history: History) -> list[Finding]:
    """GIT-1: each add that exited 0 has a whole worktree; each other left no worktree, no branch and no folder."""
    return _all_or_nothing("GIT-1", history)


def repository_is_unchanged(history: History) -> list[Finding]:
    """GIT-2: the repository's config and HEAD, and the files in its checkout, are byte for byte what they were."""
    (first, before), (last, after) = _looks(history)
    changed = ["the config or the HEAD"] if before.config != after.config else []
    gone = sorted({each.rpartition(" ")[0] for each in set(before.files) - set(after.files)})
    changed += [f"{', '.join(gone)} in the checkout"] if gone else []
    if not changed:
        return []
    message = f"adding agents in worktrees changed {' and '.join(changed)} of the main repository"
    return [Finding(rule="GIT-2", message=message, evidence=(first, last))]


def add_and_worktree_compose(history: History) -> list[Finding]:
    """CFG-12: an add leaves an agent with its worktree, or neither, and nothing else.

    One that was ended after its agent stood in the config has left both: others may have read of it already.
    """
    last, after = _looks(history)[1]
    seq, listing = ask.finished(history, "list")
    if listing.outcome.agents is None:
        raise CannotDecide(f"the agents could not be listed: {ask.said(listing)}")
    findings = _all_or_nothing("CFG-12", history, set(listing.outcome.agents) & set(after.worktrees))
    tried = {name for _, name, _ in _adds(history)}
    for name in sorted(tried & set(listing.outcome.agents) - set(after.worktrees)):
        message = f"{name} is listed, and its worktree is not there"
        findings.append(Finding(rule="CFG-12", message=message, evidence=(seq, last)))
    for name in sorted(tried & set(after.worktrees) - set(listing.outcome.agents) - _worked_in(history)):
        message = f"the worktree of {name} is there, and no such agent is listed"
        findings.append(Finding(rule="CFG-12", message=message, evidence=(last, seq)))
    return findings


def _all_or_nothing(rule: str, history: History, both: Collection[str] = ()) -> list[Finding]:
    """What is missing of adds that succeeded, and left of those that failed; `both` are agents with all they need."""
    (first, before), (last, after) = _looks(history)
    findings, done = _lost_work(rule, history), {name for _, name, _ in _adds(history) if name in both}
    killed = {what.actor for _, what in history.of(Signalled) if what.signal == signal.SIGKILL}
    for seq, name, what in _adds(history):
        if what.outcome.ok and what.outcome.exit_status == 0:
            done.add(name)
            if name not in after.worktrees:
                message = f"{what.actor} exited 0, and there is no whole worktree for {name}"
                findings.append(Finding(rule=rule, message=message, evidence=(seq, last)))
        elif what.actor not in killed and not what.outcome.typed:
            message = f"{what.actor} failed without saying why: {ask.said(what)}"
            findings.append(Finding(rule=rule, message=message, evidence=(seq,)))
    worked = _worked_in(history)
    failed = sorted({name for _, name, _ in _adds(history)} - done - worked)
    again = {name: (what.actor, seq) for seq, name, what in _adds(history) if what.actor not in killed}
    for at, name, what in _adds(history):
        if what.actor in killed and name in failed and name in again:
            actor, seq = again[name]
            message = f"{what.actor} was killed, and what it has left is in the way of {actor}"
            findings.append(Finding(rule=rule, message=message, evidence=(at, seq)))
    return findings + _leftovers(rule, failed, (first, before), (last, after), len(done | worked))


def _worked_in(history: History) -> set[str]:
    """The worktrees in which a person has been at work: what a killed add has left is theirs from then on."""
    return {name for _, what in history.of(RepositorySeen) for name in what.drafts}


def _lost_work(rule: str, history: History) -> list[Finding]:
    """A person's work that is not in the last look any more."""
    last, after = _looks(history)[1]
    seen = {name: seq for seq, what in history.of(RepositorySeen) for name in what.drafts}
    message = "what a person had done since in the worktree of {} is gone: another add has taken it back"
    return [
        Finding(rule=rule, message=message.format(name), evidence=(seq, last))
        for name, seq in seen.items()
        if name not in after.drafts
    ]


def _leftovers(rule: str, failed: list[str], first: Look, last: Look, done: int) -> list[Finding]:
    """What adds that failed have made or taken away; `done` is how many others there are, with a branch each."""
    before, after = first[1], last[1]
    left = [f"a worktree of {name}" for name in failed if name in after.worktrees + after.broken]
    left += [f"the folder of {name}" for name in failed if name in set(after.folders) - set(before.folders)]
    surplus = len(set(after.branches) - set(before.branches)) - done
    if surplus > 0:
        left.append(f"{surplus} branch{'es' if surplus > 1 else ''} of nobody")
    findings = []
    if left:
        message = f"failed adds left behind: {', '.join(left)}"
        findings.append(Finding(rule=rule, message=message, evidence=(last[0],)))
    gone = [f"the folder of {name}" for name in failed if name in set(before.folders) - set(after.folders)]
    gone += [f"the branch {name}" for name in sorted(set(before.branches) - set(after.branches))]
    if gone:
        message = f"failed adds took away what had been there before them: {', '.join(gone)}"
        findings.append(Finding(rule=rule, message=message, evidence=(first[0], last[0])))
    return findings


def _adds(history: History) -> list[tuple[int, str, Finished]]:
    names = {what.actor: what.params["name"] for _, what in history.of(Started) if what.verb == "agents add"}
    found = [(seq, names[what.actor], what) for seq, what in history.of(Finished) if what.actor in names]
    if not found:
        raise CannotDecide("no add came to an end")
    return found


def _looks(history: History) -> tuple[Look, Look]:
    looks = list(history.of(RepositorySeen))
    if len(looks) < 2:
        raise CannotDecide("the repository was not looked at before and after")
    return looks[0], looks[-1]
