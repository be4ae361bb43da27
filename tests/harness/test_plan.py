"""Plans and their tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.plan import Arm, Plan
from harness.schedules.decisions import Decisions
from harness.schedules.replay import Recording

PLANS = st.builds(
    Plan,
    scenario=st.from_regex(r"[a-z_][a-z_0-9]*", fullmatch=True),
    target=st.text(min_size=1),
    seed=st.integers(0, 10**30),
    arm=st.sampled_from(Arm),
    points=st.none() | st.integers(0, 10**8),
)


@given(PLANS)
def test_a_token_names_its_plan(plan: Plan) -> None:
    assert Plan.parse(plan.token) == plan


@pytest.mark.parametrize(
    ("token", "plan"),
    [
        ("x@reference#1", Plan(scenario="x", target="reference", seed=1)),
        ("x@reference#1!control", Plan(scenario="x", target="reference", seed=1, arm=Arm.CONTROL)),
        ("x@reference#1*0", Plan(scenario="x", target="reference", seed=1, points=0)),
        ("x@reference#1!control*40", Plan(scenario="x", target="reference", seed=1, arm=Arm.CONTROL, points=40)),
        ("x@openclaw@2026.3.8#7", Plan(scenario="x", target="openclaw@2026.3.8", seed=7)),
        (
            "x@reference#1:a.5>b;b.2!ENOSPC~Qk3_",
            Plan(
                scenario="x",
                target="reference",
                seed=1,
                schedule=Recording(decisions=Decisions.parse("a.5>b;b.2!ENOSPC"), checks="Qk3_"),
            ),
        ),
        ("x@my dir/a#b.py:Target#7", Plan(scenario="x", target="my dir/a#b.py:Target", seed=7)),
    ],
)
def test_tokens(token: str, plan: Plan) -> None:
    assert Plan.parse(token) == plan
    assert plan.token == token


HOSTILE = [
    "", " ", "x", "x@", "@y#1", "x@y", "x@#1", "x@y#", "x@y#-1", "x@y#1.5", "x@y#1!", "x@y#1!fault", "x@y#1 ", " x@y#1",
    "x y@z#1", "x@y#1*", "x@y#1*-1", "../x@y#1", "x@y#1\n", "x@y#\u0661", "x@y#" + "9" * 5000, "--replay",
    "x@y#1!control!control",
]  # fmt: skip


@pytest.mark.parametrize("token", HOSTILE, ids=lambda token: repr(token[:20]))
def test_a_hostile_token_is_refused_with_the_fix(token: str) -> None:
    with pytest.raises(UsageError, match="is not a replay token") as raised:
        Plan.parse(token)
    assert "copy it whole from a report" in raised.value.hint
    assert raised.value.exit_status == 2


@given(PLANS)
def test_the_same_plan_draws_the_same(plan: Plan) -> None:
    draws = [plan.chance().random() for _ in range(2)]
    assert draws[0] == draws[1]


def test_draws_depend_on_scenario_and_seed_and_on_no_machine() -> None:
    def draw(scenario: str, target: str, seed: int, arm: Arm = Arm.FAULT) -> float:
        return Plan(scenario=scenario, target=target, seed=seed, arm=arm).chance().random()

    assert draw("x", "reference", 1) == draw("x", "openclaw@1", 1) == draw("x", "reference", 1, Arm.CONTROL)
    assert len({draw("x", "r", 1), draw("x", "r", 2), draw("y", "r", 1)}) == 3
    assert draw("four_adds_at_once", "reference", 1) == DRAWN


DRAWN = 0.5562257829330031  # what CPython draws for "four_adds_at_once#1", wherever it runs
