"""Several runs of one scenario: the control arm, then the fault arm under as many plans as were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.plan import Arm, Plan
from harness.runner import Ground, Trial, run
from harness.scenario import Scenario
from harness.schedules.strategy import Profile
from harness.targets.protocol import Target
from harness.verdict import Verdict, merge

UNCONDUCTED_RUNS = 10  # where calls cannot be stopped, repetition has to do instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """All runs of one scenario on one target."""

    scenario: Scenario
    control: tuple[Trial, ...]
    fault: tuple[Trial, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of the fault arm; the control arm adds only what it saw break or could not decide.

        Where only the control arm was replayed, it is all there is.
        """
        if not self.fault:
            return merge(trial.judgement.verdict for trial in self.control)
        serious = (Verdict.VIOLATED, Verdict.UNKNOWN)
        control = [t.judgement.verdict for t in self.control if t.judgement.verdict in serious]
        return merge([*(t.judgement.verdict for t in self.fault), *control])

    @property
    def telling(self) -> Trial:
        """The run that a report should show: the first with the campaign's verdict, else the last."""
        trials = [*self.fault, *self.control]
        return next((t for t in trials if t.judgement.verdict is self.verdict), trials[-1])


async def campaign(
    scenario: Scenario,
    target: Target,
    ground: Ground,
    *,
    name: str,
    seed: int,
    schedules: int,
    replay: Plan | None = None,
) -> Campaign:
    """Run the arms on the target, which `--target` calls `name`. With `replay` only that plan's run takes place."""
    if replay is not None:
        trial = await run(scenario, target, replay, ground)
        arm = (trial,)
        fault_first = replay.arm is Arm.FAULT
        return Campaign(scenario=scenario, control=() if fault_first else arm, fault=arm if fault_first else ())
    control: list[Trial] = []
    fault: list[Trial] = []
    profile = Profile()
    for plan in _plans(scenario, name, seed, schedules if ground.conducted else max(schedules, UNCONDUCTED_RUNS)):
        trial = await run(scenario, target, plan, ground, profile)
        profile = profile.learned(trial.trace) if trial.trace else profile
        (fault if plan.arm is Arm.FAULT else control).append(trial)
        if trial.judgement.verdict is Verdict.UNSUPPORTED:
            return Campaign(scenario=scenario, control=(), fault=(trial,))
    return Campaign(scenario=scenario, control=tuple(control), fault=tuple(fault))


def _plans(scenario: Scenario, target: str, seed: int, schedules: int) -> Iterator[Plan]:
    if scenario.fault:
        yield Plan(scenario=scenario.name, target=target, seed=seed, arm=Arm.CONTROL)
    for number in range(schedules):
        yield Plan(scenario=scenario.name, target=target, seed=seed + number)
