"""What a scenario's body asks of the run that it is in."""

from __future__ import annotations

from pathlib import Path

from harness.journal import Journal
from harness.lab.stage import Stage
from harness.targets.protocol import Site
from harness.targets.reference import ReferenceTarget

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
