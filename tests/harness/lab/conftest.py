"""A scenario's body and a target, run once in one arm."""

from __future__ import annotations

import pytest

from harness.plan import Arm, Plan
from harness.runner import Ground, run


@pytest.fixture
def trial(loop_runner, launcher, tmp_path):
    def run_one(what, target, arm=Arm.FAULT):
        plan = Plan(scenario="toy", target="toy", seed=3, arm=arm)
        ground = Ground(launcher=launcher, conducted=True, folder=tmp_path)
        return loop_runner.run(run(what.scenario, target, plan, ground))

    return run_one
