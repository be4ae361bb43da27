"""Makes the first violation of a campaign as simple as it can be made, by running it again and again.

A candidate counts only if it violates the same rule; what cannot be repeated three times out of three is not shrunk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.runner import Ground, Trial, run
from harness.scenario import Scenario
from harness.schedules.decisions import Decisions
from harness.schedules.diagram import diagram
from harness.schedules.explain import explain
from harness.schedules.neighbour import Neighbour
from harness.schedules.shrink import Shrunk, Unsteady, shrink_async
from harness.schedules.trace import Trace
from harness.targets.protocol import Target
from harness.verdict import Verdict

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Simplest:
    """What came of it."""

    trial: Trial  # the simplest run that violates; its plan's token repeats it
    replays: int
    before: int  # decisions of the run as it was found
    steady: bool  # False: it did not violate again each time, so it stays as it was found
    neighbour: Neighbour | None  # the one order of two points that decides
    sought: bool  # whether an order that passes was looked for until one was found, or all had been tried


async def simplest(trial: Trial, scenario: Scenario, target: Target, ground: Ground, *, budget: int) -> Simplest:
    """Shrink a violating trial whose run was scheduled, in at most so many replays."""
    assert trial.trace is not None
    found = trial.plan.decisions
    violations: dict[str, Trial] = {}

    async def violates(decisions: Decisions) -> Trace | None:
        again = await run(scenario, target, replace(trial.plan, schedule=decisions), ground)
        if again.judgement.verdict is not Verdict.VIOLATED or again.trace is None:
            return None
        if decisions.absent.intersection(point.actor for point in again.trace.points):
            return None  # the scenario starts it in any case
        violations[str(again.plan.decisions)] = again
        return again.trace

    shrunk = await shrink_async(found, violates, budget=budget, droppable=_may_be_absent(trial.trace))
    match shrunk:
        case Unsteady(replays=replays):
            return Simplest(
                trial=trial, replays=replays, before=len(found.entries), steady=False, neighbour=None, sought=False,
            )  # fmt: skip
        case Shrunk(decisions=decisions, replays=replays, neighbour=neighbour, cut_short=cut_short):
            return Simplest(
                trial=violations[str(decisions)], replays=replays, before=len(found.entries), steady=True,
                neighbour=neighbour, sought=not cut_short,
            )  # fmt: skip


def _may_be_absent(trace: Trace) -> Callable[[str], bool]:
    """Which actors may be left out: those that were started, not the processes that they start, and never the last."""
    actors = {point.actor for point in trace.points if "/" not in point.actor}
    return lambda actor: actor in actors and len(actors) > 1


def schedule_lines(trial: Trial, found: Simplest | None) -> tuple[str, ...]:
    """The order of a trial's calls for a report: why it violates, how simple it is, what decides, who went when."""
    if trial.trace is None:
        return ()
    told = found if found is not None and found.trial is trial else None
    faults, neighbour = trial.plan.decisions.faults, told.neighbour if told else None
    violated = trial.judgement.verdict is Verdict.VIOLATED
    sought = told is not None and told.sought
    head = [f"why: {explain(trial.trace, faults, neighbour, sought=sought)}"] if violated else []
    head.append(_how_simple(told) if told else f"{_many(trial.trace.preemptions(), 'preemption')}, by {trial.strategy}")
    if neighbour is not None:
        head.append(
            f"what decides: {neighbour.first} goes before {neighbour.second}; it passes with {neighbour.passes}"
        )
    return (*head, *diagram(trial.trace, faults))


def _how_simple(found: Simplest) -> str:
    assert found.trial.trace is not None
    if not found.steady:
        return f"not made simpler: of {_many(found.replays, 'replay')} the last did not violate"
    left = len(found.trial.plan.decisions.entries)
    preemptions = _many(found.trial.trace.preemptions(), "preemption")
    return (
        f"made simpler in {_many(found.replays, 'replay')}: {preemptions}, {left} of {found.before} decisions are left"
    )


def _many(count: int, one: str) -> str:
    return f"{count} {one}{'' if count == 1 else 's'}"
