"""CFG-10: what a power cut may do to a config file that a command has acknowledged, or was about to change.

Every trial is one folder that a filesystem may show after the cut, and two commands that are run in it: an add and a
list. What the cut took is told by the event, so that a finding can name the sync that is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import FileSeen, FilesRecorded, Finished, History, Hung, PowerLost, Started
from harness.verdict import Finding

_RULE = "CFG-10"
_CHANGES = ("agents add", "agents delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recorded:
    """The add or delete that was recorded, and who was there before it and would be after it."""

    verb: str
    acknowledged: bool
    before: frozenset[str]
    after: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """One power cut and what was seen after it."""

    seq: int
    cut: PowerLost
    config: tuple[int, FileSeen]
    commands: tuple[tuple[int, Finished], ...]
    hung: frozenset[str]  # the commands that did not end
    added: frozenset[str]  # by the trial's own add

    @property
    def is_late(self) -> bool:
        """Whether the recorded commands had done everything."""
        return self.cut.moment == self.cut.operations

    @property
    def is_whole(self) -> bool:
        """Whether the recorded commands had done everything, and nothing of it is lost."""
        return self.is_late and not self.cut.lost


@dataclass(frozen=True, slots=True, kw_only=True)
class _Broken:
    """What is wrong after one power cut, in words, and the events that show it beside the cut."""

    trial: _Trial
    effect: str
    evidence: tuple[int, ...]
    stops: bool = False  # whether the config is whole, and the next command fails or does not end


def config_survives_power_loss(history: History) -> list[Finding]:
    """CFG-10: at the end the acknowledged agent is there; at any moment the config is the old or the new one and works.

    States that break it for the same reason are one finding, told by the smallest loss.
    """
    files = _recording(history)
    recorded = _recorded(history, files)
    trials = list(_trials(history))
    cases: list[_Broken] = []
    harmless: set[str] = set()  # what may be left behind, and the next command works all the same
    doubts = [f"{files.left_out} states after a power cut were not tried"] if files.left_out else []
    for trial in trials:
        try:
            broken = _broken(trial, recorded)
        except CannotDecide as reason:
            doubts.append(str(reason))
            continue
        if broken is None:
            harmless.update(trial.cut.behind)
        else:
            cases.append(broken)
    found: dict[str, list[_Broken]] = {}
    for case in cases:
        found.setdefault(_cause(case, recorded, harmless), []).append(case)
    # What is broken although nothing is lost is no better for what is lost besides, which would be named as the cause.
    found = {cause: cases for cause, cases in found.items() if cases[0].trial.is_whole} or found
    if not found and (doubts or not trials):
        raise CannotDecide(doubts[0] if doubts else "no state after a power cut was tried")
    return [_finding(cause, cases, len(trials)) for cause, cases in found.items()]


def _finding(cause: str, cases: list[_Broken], tried: int) -> Finding:
    trial = cases[0].trial
    share = f"{len(cases)} of {tried} states; this one is allowed by {' and '.join(trial.cut.models)}"
    message = f"{cause}: after a power cut {cases[0].effect} ({share})"
    return Finding(rule=_RULE, message=message, evidence=(trial.seq, *cases[0].evidence))


def _broken(trial: _Trial, recorded: _Recorded) -> _Broken | None:
    """What is wrong with the trial, if anything is. Raises CannotDecide when nobody listed the agents."""
    seq, config = trial.config
    if not config.parses:
        return _Broken(trial=trial, effect=_damage(trial, config), evidence=(seq,))
    for command_seq, what in trial.commands:
        if not what.outcome.ok or what.outcome.exit_status != 0:
            effect = f"{what.verb} {_failure(what, trial)}"
            return _Broken(trial=trial, effect=effect, evidence=(seq, command_seq), stops=True)
    list_seq, listed = _listed(trial)
    effect = _wrong_names(trial, recorded, listed)
    return _Broken(trial=trial, effect=effect, evidence=(seq, list_seq)) if effect else None


def _failure(what: Finished, trial: _Trial) -> str:
    if what.actor in trial.hung:
        return "does not end"
    return f"does not work: {what.outcome.message or what.outcome.code or f'exit status {what.outcome.exit_status}'}"


def _wrong_names(trial: _Trial, recorded: _Recorded, listed: frozenset[str]) -> str:
    """Who should be listed and is not, or the other way round; "" when the list is right."""
    possible = [recorded.after] if trial.is_late and recorded.acknowledged else [recorded.before, recorded.after]
    if missing := sorted((frozenset.intersection(*possible) | trial.added) - listed):
        return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not listed"
    if extra := sorted(listed - frozenset.union(*possible) - trial.added):
        why = "that had been deleted" if recorded.before.issuperset(extra) else "nobody added that"
        return f"{', '.join(extra)} {'is' if len(extra) == 1 else 'are'} listed, but {why}"
    return ""


def _cause(case: _Broken, recorded: _Recorded, harmless: Set[str]) -> str:
    """Which sync or which step is missing, or what is in the way, as far as the losses and what is left tell."""
    trial = case.trial
    promise = (
        f"{recorded.verb} exited 0, but" if trial.is_late and recorded.acknowledged else f"during {recorded.verb},"
    )
    name = trial.config[1].path.rpartition("/")[2]
    if trial.is_whole:
        return f"{recorded.verb} had ended, and power cut or not, {name} is not as it was acknowledged"
    if case.stops and (behind := [path for path in trial.cut.behind if path not in harmless]):
        return f"{promise} {', '.join(behind)} may be left behind"
    ours = [lost for lost in trial.cut.lost if trial.config[1].path.endswith(f"/{lost.path}")]
    data = [lost for lost in ours if lost.what in ("bytes", "length")]
    if any(lost.moved for lost in data):
        return f"{promise} {name} was renamed before its data were synced"
    if data:
        return f"{promise} {name} was written in place" + (" and not synced" if trial.is_late else "")
    if named := [lost for lost in ours if lost.what == "name"]:
        return f"{promise} the folder of {name} was not synced after the {named[-1].call}"
    if not trial.cut.lost:
        return f"{promise} {name} was not replaced in one step"
    lost = trial.cut.lost[0]
    return f"{promise} {lost.path} was not synced after the {lost.call}"


def _damage(trial: _Trial, config: FileSeen) -> str:
    """How the config is damaged."""
    if not config.exists:
        return "the file is gone"
    if not config.size:
        return "the file is empty"
    left = next((lost.left for lost in trial.cut.lost if config.path.endswith(f"/{lost.path}")), "nothing")
    holds = "does not parse" if left == "nothing" else f"holds only {left}"
    return f"the file {holds} ({config.size} bytes)"


def _recording(history: History) -> FilesRecorded:
    recordings = [what for _, what in history.of(FilesRecorded)]
    if not recordings:
        raise CannotDecide("no file operations were recorded")
    if unknown := [reason for what in recordings for reason in what.unknown]:
        raise CannotDecide(f"what was written is not known: {'; '.join(unknown)}")
    return recordings[-1]


def _recorded(history: History, files: FilesRecorded) -> _Recorded:
    """Raises CannotDecide when no add or delete was recorded, or when nobody asked for the agents before it."""
    names = {what.actor: what.params["name"] for _, what in history.of(Started) if what.verb in _CHANGES}
    until = max(seq for seq, _ in history.of(FilesRecorded))
    ends = [(seq, what) for seq, what in history.before(until).of(Finished) if what.actor in names]
    if not ends or not files.actors:
        raise CannotDecide("no recorded add or delete came to an end")
    seq, change = ends[-1]
    if change.actor not in files.actors:
        others = ", ".join(files.actors)
        raise CannotDecide(
            f"{change.actor} changed nothing itself; a process that {others} had started did, as a daemon does"
        )
    earlier = [what.outcome.agents for _, what in history.before(seq).of(Finished) if what.outcome.agents is not None]
    if not earlier:
        raise CannotDecide(f"the agents were not listed before the {change.verb.rpartition(' ')[2]}")
    before, name = frozenset(earlier[-1]), frozenset({names[change.actor]})
    after = before | name if change.verb == "agents add" else before - name
    acknowledged = change.outcome.ok and change.outcome.exit_status == 0
    return _Recorded(verb=change.verb, acknowledged=acknowledged, before=before, after=after)


def _trials(history: History) -> Iterator[_Trial]:
    for seq, cut, part in ask.power_cuts(history):
        looks = [(at, seen) for at, seen in part.of(FileSeen) if seen.role == "config"]
        if not looks:
            raise CannotDecide(f"nobody looked at the config after {cut.trial}")
        starts = [what for _, what in part.of(Started) if what.verb == "agents add"]
        yield _Trial(
            seq=seq,
            cut=cut,
            config=looks[0],
            commands=tuple(part.of(Finished)),
            hung=frozenset(what.actor for _, what in part.of(Hung)),
            added=frozenset(what.params["name"] for what in starts),
        )


def _listed(trial: _Trial) -> tuple[int, frozenset[str]]:
    for seq, what in trial.commands:
        if what.outcome.agents is not None:
            return seq, frozenset(what.outcome.agents)
    raise CannotDecide(f"the agents could not be listed after {trial.cut.trial}")
