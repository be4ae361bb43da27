"""Campaigns: which plans are run, and what several runs come to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import campaign as campaigns
from harness import shrinking
from harness.campaign import UNCONDUCTED_RUNS, Campaign, campaign, exhaust
from harness.conductor.calls import Family
from harness.events import History
from harness.plan import Arm, Plan
from harness.runner import Ground, Trial
from harness.scenario import Scenario, scenario
from harness.schedules.certificate import Coverage
from harness.schedules.decisions import Decisions
from harness.schedules.replay import Recording
from harness.schedules.strategy import Profile, Strategy
from harness.targets.reference import ReferenceTarget
from harness.verdict import Judgement, Verdict
from tests.harness.schedules.simulated import Op, simulate

V, U, INC, C, S = Verdict.VIOLATED, Verdict.UNKNOWN, Verdict.INCONCLUSIVE, Verdict.CONFORMS, Verdict.UNSUPPORTED


def made(fault: str = "f") -> Scenario:
    async def test_toy(lab: Any) -> None:
        """A toy."""

    record = scenario("CFG-1", fault=fault, judges=[lambda _: []])(test_toy).scenario  # type: ignore[attr-defined]
    assert isinstance(record, Scenario)
    return record


def trial(verdict: Verdict, plan: Plan | None = None) -> Trial:
    return Trial(
        plan=plan or Plan(scenario="toy", target="reference", seed=1), judgement=Judgement(verdict=verdict),
        history=History(()), commands=(), files=(), root="", seconds=1.0, conducted=True,
    )  # fmt: skip


def of(control: list[Verdict], fault: list[Verdict]) -> Campaign:
    return Campaign(scenario=made(), control=tuple(map(trial, control)), fault=tuple(map(trial, fault)))


@pytest.mark.parametrize(
    ("control", "fault", "verdict", "telling"),
    [
        ([C], [C], C, 0),
        ([C], [C, V, C, V], V, 1),
        ([C], [INC, C], INC, 0),
        ([C], [C, U, INC], U, 1),
        ([V], [C], V, 1),
        ([V], [V], V, 0),
        ([U], [C], U, 1),
        ([U], [C, V], V, 1),
        ([], [S], S, 0),
        ([C], [], C, 0),
        ([V], [], V, 0),
        ([], [C, C], C, 0),
    ],
)
def test_the_worst_counts_and_is_told(
    control: list[Verdict], fault: list[Verdict], verdict: Verdict, telling: int
) -> None:
    whole = of(control, fault)
    assert whole.verdict is verdict
    assert whole.telling is [*whole.fault, *whole.control][telling]


def ran(
    monkeypatch: pytest.MonkeyPatch, *, fault: str = "f", conducted: bool = True, verdict: Verdict = C, **how: Any
) -> tuple[list[Plan], Campaign]:
    """The plans of a campaign whose runs all come to one verdict."""
    plans: list[Plan] = []

    async def run(_scenario: Scenario, _target: Any, plan: Plan, _ground: Ground, *_profile: Profile) -> Trial:
        plans.append(plan)
        return trial(verdict, plan)

    monkeypatch.setattr(campaigns, "run_undisturbed", run)
    ground = Ground(launcher=None, conducted=conducted, folder=Path("/nowhere"))  # type: ignore[arg-type]
    options = {"name": "reference", "seed": 5, "schedules": 3, **how}
    return plans, asyncio.run(campaign(made(fault), ReferenceTarget(), ground, **options))


def test_a_control_run_then_each_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    plans, whole = ran(monkeypatch)
    assert [plan.token for plan in plans] == [
        "toy@reference#5!control", "toy@reference#5", "toy@reference#6", "toy@reference#7"
    ]  # fmt: skip
    assert (len(whole.control), len(whole.fault)) == (1, 3)


def test_without_a_fault_there_is_no_control(monkeypatch: pytest.MonkeyPatch) -> None:
    plans, whole = ran(monkeypatch, fault="")
    assert [plan.arm for plan in plans] == [Arm.FAULT] * 3
    assert whole.control == ()


def test_repetition_where_calls_cannot_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    plans, _ = ran(monkeypatch, conducted=False)
    assert len(plans) == 1 + UNCONDUCTED_RUNS
    plans, _ = ran(monkeypatch, conducted=False, schedules=UNCONDUCTED_RUNS + 1)
    assert len(plans) == 2 + UNCONDUCTED_RUNS


def test_what_is_unsupported_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    plans, whole = ran(monkeypatch, verdict=S)
    assert len(plans) == 1
    assert (whole.verdict, whole.control, len(whole.fault)) == (S, (), 1)


@pytest.mark.parametrize(("arm", "counts"), [(Arm.FAULT, (0, 1)), (Arm.CONTROL, (1, 0))])
def test_a_replay_is_that_run_alone(monkeypatch: pytest.MonkeyPatch, arm: Arm, counts: tuple[int, int]) -> None:
    plan = Plan(scenario="toy", target="reference", seed=42, arm=arm)
    plans, whole = ran(monkeypatch, replay=plan)
    assert plans == [plan]
    assert (len(whole.control), len(whole.fault)) == counts
    assert whole.verdict is C


# Two actors that each read a number and write what follows from it; the update of one is lost when both read first.
RACE = {name: [Op("read", "own"), Op("read", "x"), Op("set", "x")] for name in ("a", "b", "c")}
NOWHERE = Ground(launcher=None, conducted=True, folder=Path("/nowhere"))  # type: ignore[arg-type]


def race(monkeypatch: pytest.MonkeyPatch, actors: Sequence[str]) -> list[Plan]:
    """Runs are simulated: a run violates when an update is lost. Gives the list to which each run's plan is added."""
    plans: list[Plan] = []

    async def run(
        _scenario: Scenario, _target: Any, plan: Plan, _ground: Ground, profile: Profile | None = None,
        *, strategy: Strategy | None = None,
    ) -> Trial:  # fmt: skip
        plans.append(plan)
        programs = {name: RACE[name] for name in actors if name not in plan.decisions.absent}
        chosen = strategy or plan.strategy(profile or Profile())[1]
        if plan.arm is Arm.CONTROL:
            return trial(C, plan)
        ran = simulate(programs, chosen)
        lost = ran.values["x"] != len(programs)
        recording = Recording.of(ran.trace, (), plan.decisions.absent)
        return replace(trial(V if lost else C, replace(plan, schedule=recording)), trace=ran.trace)

    monkeypatch.setattr(campaigns, "run", run)
    monkeypatch.setattr(campaigns, "run_undisturbed", run)
    monkeypatch.setattr(shrinking, "run", run)
    return plans


def test_the_first_violation_is_made_simple(monkeypatch: pytest.MonkeyPatch) -> None:
    race(monkeypatch, "abc")
    found = asyncio.run(
        campaign(made(), ReferenceTarget(), NOWHERE, name="reference", seed=1, schedules=20, shrink=200)
    )
    assert found.verdict is V
    assert found.simplest is not None
    assert found.telling is found.simplest.trial
    assert found.simplest.steady
    assert found.telling.trace is not None
    assert found.telling.trace.preemptions() == 1
    assert len(found.telling.plan.decisions.absent) == 1
    assert found.simplest.neighbour is not None
    assert {found.simplest.neighbour.first.call, found.simplest.neighbour.second.call} == {"read", "set"}
    lines = shrinking.schedule_lines(found.telling, found.simplest)
    assert lines[0].startswith("why: ")
    assert "had read it before" in lines[0]


def test_nothing_is_shrunk_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = race(monkeypatch, "abc")
    found = asyncio.run(campaign(made(), ReferenceTarget(), NOWHERE, name="reference", seed=1, schedules=20))
    assert found.verdict is V
    assert found.simplest is None
    assert len(plans) == 21


def test_a_scheduled_scenario_gets_more_tries_until_one_violates(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = race(monkeypatch, "a")
    scheduled = replace(made(), scheduled=True, tries=8)
    asyncio.run(campaign(scheduled, ReferenceTarget(), NOWHERE, name="reference", seed=1, schedules=None))
    assert len(plans) == 9
    race(monkeypatch, "abc")
    found = asyncio.run(campaign(scheduled, ReferenceTarget(), NOWHERE, name="reference", seed=1, schedules=None))
    assert 1 <= len(found.fault) <= 8
    assert [t.judgement.verdict for t in found.fault[:-1]] == [C] * (len(found.fault) - 1)
    assert found.fault[-1].judgement.verdict is V


@pytest.mark.parametrize(("asked", "runs"), [(None, 8), (1, 1), (3, 3), (9, 9)])
def test_there_are_as_many_runs_as_were_asked_for(
    monkeypatch: pytest.MonkeyPatch, asked: int | None, runs: int
) -> None:
    plans = race(monkeypatch, "a")
    scheduled = replace(made(), scheduled=True, tries=8)
    asyncio.run(campaign(scheduled, ReferenceTarget(), NOWHERE, name="reference", seed=1, schedules=asked))
    assert [plan.arm for plan in plans] == [Arm.CONTROL, *[Arm.FAULT] * runs]


def test_what_violated_once_is_tried_first(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = race(monkeypatch, "ab")
    known = [Decisions.parse("a.2>b")]
    found = asyncio.run(
        campaign(made(), ReferenceTarget(), NOWHERE, name="reference", seed=1, schedules=1, known=known)
    )
    assert plans[1].schedule == known[0]
    assert found.fault[0].judgement.verdict is V


def exhausted(limit: int) -> Campaign:
    return asyncio.run(
        exhaust(made(), ReferenceTarget(), NOWHERE, name="reference", seed=1, limit=limit, preemptions=None)
    )


def test_every_class_is_run_and_certified(monkeypatch: pytest.MonkeyPatch) -> None:
    race(monkeypatch, "ab")
    found = exhausted(100)
    assert found.certificate is not None
    assert found.certificate.coverage is Coverage.EXHAUSTIVE
    assert found.certificate.classes == 4
    assert found.verdict is V


def test_a_certificate_names_what_does_not_stop_on_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    race(monkeypatch, "a")
    told = "looks at whether a file exists"
    assert told not in str(exhausted(100).certificate)
    monkeypatch.setattr(ReferenceTarget, "too_many", frozenset({Family.LOOK}), raising=False)
    assert told in str(exhausted(100).certificate)


def test_a_class_that_was_not_run_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    race(monkeypatch, "a")
    assert exhausted(100).verdict is C
    told = str(exhausted(100).certificate)
    assert "locks that are taken and let go between two points" in told
    assert "programs that give up after some attempts in vain" in told
    race(monkeypatch, "ab")
    found = exhausted(1)
    assert found.certificate is not None
    assert found.certificate.coverage is Coverage.PARTIAL
    assert found.verdict is U
