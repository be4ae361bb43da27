"""Several runs of one scenario: the control arm, then the fault arm under as many plans as were asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.conductor.calls import Family
from harness.plan import Arm, Plan
from harness.runner import Ground, Trial, run, without_history
from harness.scenario import Scenario
from harness.schedules.certificate import TOUCHES, Certificate, Relation
from harness.schedules.decisions import Decisions
from harness.schedules.dpor import Explorer
from harness.schedules.strategy import Profile
from harness.shrinking import Simplest, simplest
from harness.targets.extras import unstopped
from harness.targets.protocol import Target
from harness.undisturbed import run_undisturbed
from harness.verdict import Verdict, merge

_ORDERED = replace(
    TOUCHES,
    unseen=(
        *TOUCHES.unseen,
        "a file's content read after another's write in place, when it had been opened before",
        "looks at whether a folder exists, and at how long an open file is",
        "locks that are taken and let go between two points",
        "programs that give up after some attempts in vain, while whoever has what they ask for could go on",
    ),
)
_UNSTOPPED = {
    Family.READ: "what files held when they were opened",
    Family.LOOK: "looks at whether a file exists, and at its mode and times",
}  # of a target that does this too often
UNCONDUCTED_RUNS = 10  # where calls cannot be stopped, repetition has to do instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """All runs of one scenario on one target."""

    scenario: Scenario
    control: tuple[Trial, ...]
    fault: tuple[Trial, ...]
    simplest: Simplest | None = None  # of the first violation, where the runs were scheduled
    certificate: Certificate | None = None  # of a campaign that was to run every schedule

    @property
    def verdict(self) -> Verdict:
        """The worst of the fault arm; the control arm adds only what it saw break or could not decide.

        Where only the control arm was replayed, it is all there is. A certificate that covers less than it was to adds
        its UNKNOWN; a run that did not repeat the way to a branch, or was disturbed, was tried again, and counts there.
        """
        if not self.fault:
            return merge(trial.judgement.verdict for trial in self.control)
        serious = (Verdict.VIOLATED, Verdict.UNKNOWN)
        control = [t.judgement.verdict for t in self.control if t.judgement.verdict in serious]
        fault = [t.judgement.verdict for t in self.fault if self.certificate is None or not _strayed(t)]
        return merge([*fault, *control, *([self.certificate.verdict] if self.certificate else [])])

    @property
    def telling(self) -> Trial:
        """The run that a report should show: the simplest violation, the first with the verdict, else the last."""
        if self.simplest is not None and self.simplest.trial.judgement.verdict is self.verdict:
            return self.simplest.trial
        trials = [*self.fault, *self.control]
        return next((t for t in trials if t.judgement.verdict is self.verdict), trials[-1])


async def campaign(
    scenario: Scenario,
    target: Target,
    ground: Ground,
    *,
    name: str,
    seed: int,
    schedules: int | None,
    points: int | None = None,
    shrink: int = 0,
    known: Sequence[Decisions] = (),
    replay: Plan | None = None,
) -> Campaign:
    """Run the arms on the target, which `--target` calls `name`. With `replay` only that plan's run takes place.

    There are `runs_of` fault runs, after schedules that are `known` to have violated once. Of a scenario's own number
    of tries, the first that violates is the last. It is made simpler, in at most `shrink` replays.
    """
    if replay is not None:
        trial = await run_undisturbed(scenario, target, replay, ground, Profile())
        arms: dict[Arm, tuple[Trial, ...]] = {Arm.CONTROL: (), Arm.FAULT: (), replay.arm: (trial,)}
        return Campaign(scenario=scenario, control=arms[Arm.CONTROL], fault=arms[Arm.FAULT])
    control: list[Trial] = []
    fault: list[Trial] = []
    profile = Profile()
    runs = runs_of(scenario, schedules, conducted=ground.conducted)
    first_ones = known if ground.conducted else ()
    for plan in _plans(scenario, name, seed, runs, first_ones, points):
        if ground.conducted and len(fault) >= (schedules or 1) and _violated(fault):
            break
        trial = await run_undisturbed(scenario, target, plan, ground, profile)
        profile = profile.after(trial.trace) if trial.trace else profile
        (fault if plan.arm is Arm.FAULT else control).append(trial)
        if trial.judgement.verdict is Verdict.UNSUPPORTED:
            return Campaign(scenario=scenario, control=(), fault=(trial,))
    first = next((t for t in _violated(fault) if t.trace), None)
    found = await simplest(first, scenario, target, ground, budget=shrink) if first and shrink else None
    return Campaign(scenario=scenario, control=tuple(control), fault=tuple(fault), simplest=found)


def runs_of(scenario: Scenario, schedules: int | None, *, conducted: bool) -> int:
    """How many fault runs a campaign has: as many as asked for, else (None) as many as the scenario says.

    Where system calls cannot be stopped it is left to chance whether a fault takes place, so that there are more.
    """
    if not conducted:
        return max(schedules or 1, UNCONDUCTED_RUNS)
    return scenario.tries if schedules is None else schedules


def _violated(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.judgement.verdict is Verdict.VIOLATED]


async def exhaust(
    scenario: Scenario, target: Target, ground: Ground, *, name: str, seed: int, limit: int, preemptions: int | None
) -> Campaign:
    """Run one schedule of every class, in at most `limit` runs, and certify what was covered.

    Every run counts, but only the first and those that violate keep their history.
    """
    plan = Plan(scenario=scenario.name, target=name, seed=seed)
    explorer = Explorer(
        limit=limit, preemptions=preemptions, exclusive=lambda one, other: False, relation=_relation(target)
    )
    fault: list[Trial] = []
    while (strategy := explorer.next()) is not None:
        trial = await run(scenario, target, plan, ground, strategy=strategy)
        fault.append(trial if not fault or trial.judgement.verdict is Verdict.VIOLATED else without_history(trial))
        if _strayed(trial):
            explorer.diverged()
        elif trial.trace is not None:
            explorer.executed(trial.trace, verdict=trial.judgement.verdict)
        else:  # unsupported, or not to be scheduled here: no exploration will change that
            return Campaign(scenario=scenario, control=(), fault=(trial,))
    return Campaign(scenario=scenario, control=(), fault=tuple(fault), certificate=explorer.certificate())


def _relation(target: Target) -> Relation:
    """What a certificate says of dependency: a target's own calls that do not stop are seen by nobody."""
    more = tuple(words for family, words in _UNSTOPPED.items() if family in unstopped(target))
    return replace(_ORDERED, unseen=(*_ORDERED.unseen, *more))


def _strayed(trial: Trial) -> bool:
    """Whether a run of an exploration is to be tried again."""
    return trial.divergence is not None or trial.disturbed


def _plans(
    scenario: Scenario, target: str, seed: int, schedules: int, known: Sequence[Decisions], points: int | None
) -> Iterator[Plan]:
    if scenario.fault:
        yield Plan(scenario=scenario.name, target=target, seed=seed, arm=Arm.CONTROL, points=points)
    for decisions in known:
        yield Plan(scenario=scenario.name, target=target, seed=seed, schedule=decisions)
    for number in range(schedules):
        yield Plan(scenario=scenario.name, target=target, seed=seed + number, points=points)
