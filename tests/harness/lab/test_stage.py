"""What a scenario's body asks of the run that it is in."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from harness.events import Finished
from harness.journal import Journal
from harness.lab.stage import Stage
from harness.processes import tree
from harness.scenario import scenario
from harness.targets.protocol import Raw, Setup, Site
from harness.targets.reference import ReferenceTarget
from tests.harness.toy import Toy

MODELS = {"reset": "anthropic", "stalled": "anthropic", "cut": "gemini"}


def stage(tmp_path: Path, *, faulty: bool) -> Stage:
    where = Site(
        root=tmp_path, home=tmp_path / "home", workspaces=tmp_path / "ws", tmp=tmp_path, url="http://127.0.0.1:9",
        ca_file=tmp_path / "ca.pem",
    )  # fmt: skip
    return Stage(target=ReferenceTarget(), site=where, journal=Journal(lambda: 0.0), faulty=faulty)


def test_with_the_fault_every_round_is_gone_through(tmp_path: Path) -> None:
    assert stage(tmp_path, faulty=True).rounds(MODELS, MODELS.get) == ["reset", "stalled", "cut"]


def test_without_the_fault_one_round_stands_for_all_that_are_set_up_alike(tmp_path: Path) -> None:
    control = stage(tmp_path, faulty=False)
    assert control.rounds(MODELS, MODELS.get) == ["reset", "cut"]
    assert control.rounds(MODELS) == ["reset"]


def test_what_is_started_has_the_environment_of_that_moment(trial: Any) -> None:
    """Beside what its adapter sets, or in its place; but whose process it is cannot be told otherwise."""
    show = Raw(words=("import os; print(dict(os.environ))",))

    async def test_toy(lab: Any) -> None:
        """A toy."""
        lab.prepare(Setup())
        lab.environment = {"TZ": "EAST-14", "PATH": "/nowhere", tree.ACTOR_VARIABLE: "another"}
        await lab.run(show, "inside")
        lab.environment = {}
        await lab.run(show, "afterwards")

    found = trial(scenario("CFG-1", fault="", judges=[lambda _: []])(test_toy), Toy())
    shown = {what.actor: ast.literal_eval(what.stdout) for _, what in found.history.of(Finished)}
    assert {**shown["inside"], "LC_CTYPE": ""} == {
        **shown["afterwards"], "LC_CTYPE": "", "TZ": "EAST-14", "PATH": "/nowhere", tree.ACTOR_VARIABLE: "inside",
    }  # fmt: skip
    assert "TZ" not in shown["afterwards"]
    assert shown["afterwards"][tree.ACTOR_VARIABLE] == "afterwards"
