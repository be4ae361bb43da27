"""Nothing is held against a target that our own stopping of its calls may have done to it.

A signal interrupts a stopped call until the harness has taken it (see `Supervisor`); a handler without SA_RESTART then
makes it fail with EINTR, which a call on a file never does by itself. `Endings` keeps the SIGCHLD of children away; a
timer may still come in that moment, on a busy machine. The kernel offers no way to rule it out, and none to see what
became of the call; so the plan is run again. What a plan provokes it provokes again, what chance did is gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from harness.plan import Plan
from harness.runner import Ground, Trial, run
from harness.scenario import Scenario
from harness.schedules.strategy import Profile
from harness.targets.protocol import Target
from harness.verdict import Verdict, merge

_AGAIN = 3  # times: what a plan provokes only every other time is then missed in one of eight


async def run_undisturbed(scenario: Scenario, target: Target, plan: Plan, ground: Ground, profile: Profile) -> Trial:
    """Run one plan, and again if it may have been disturbed. Raises what `run` raises.

    Then the first undisturbed run that violates counts, else the worst of the undisturbed, else the last of all.
    """
    trial = await run(scenario, target, plan, ground, profile)
    return await _again(trial, lambda: run(scenario, target, plan, ground, profile)) if trial.disturbed else trial


async def _again(first: Trial, once_more: Callable[[], Awaitable[Trial]]) -> Trial:
    trials = [first]
    while len(trials) <= _AGAIN and not _shows(trials[-1]):
        trials.append(await once_more())
    undisturbed = [trial for trial in trials if not trial.disturbed]
    worst = merge(trial.judgement.verdict for trial in undisturbed)
    counts = next((trial for trial in undisturbed if trial.judgement.verdict is worst), trials[-1])
    return replace(counts, untried=(*counts.untried, _told(first, len(trials) - 1, counts)))


def _shows(trial: Trial) -> bool:
    return trial.judgement.verdict is Verdict.VIOLATED and not trial.disturbed


def _told(first: Trial, again: int, counts: Trial) -> str:
    said = f"a signal ended calls that stood still and were not yet taken ({first.withdrawn} in the first run)"
    if counts.disturbed:
        return f"{said}, each time that the plan was run ({1 + again} times): what was found may come from that"
    times = "once" if again == 1 else f"{again} times"
    return f"{said}, so what that run came to, {first.judgement.verdict.value}, does not count: run again {times}"
