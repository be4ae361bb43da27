""".ci/run in a clone whose parts are stand-ins: what it runs, what it passes over, and what it says at the end."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "run"
BASELINE = "scenarios/baselines/openclaw@2026.3.8.json"


def clone(root: Path, *, test: int = 0, provision: int = 0, pytest_: int = 0, baseline: bool = True) -> Path:
    """A folder in which each part ends with the given status and leaves a line in `ran`."""
    (root / ".ci").mkdir()
    shutil.copy(SCRIPT, root / ".ci" / "run")
    makefile = (
        f".PHONY: test scenarios\ntest:\n\t@echo test >> ran; exit {test}\nscenarios:\n\t@echo scenarios >> ran\n"
    )
    (root / "Makefile").write_text(makefile)
    programs = root / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, status in (("pileup", provision), ("pytest", pytest_)):
        (programs / name).write_text(f'#!/bin/sh\necho {name} "$@" >> ran\nexit {status}\n')
        (programs / name).chmod(0o755)
    (root / BASELINE).parent.mkdir(parents=True)
    if baseline:
        (root / BASELINE).write_text("{}")
    return root


def ci(root: Path) -> tuple[int, str, list[str]]:
    """Exit status, last line, and what ran."""
    done = subprocess.run([root / ".ci" / "run"], cwd="/", capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.splitlines()[-1], (root / "ran").read_text().splitlines()


def test_everything_passes(tmp_path: Path) -> None:
    status, last, ran = ci(clone(tmp_path))
    assert status == 0
    assert last.endswith("test passed, scenarios passed, provision passed, openclaw@2026.3.8 passed")
    assert ran[:3] == ["test", "scenarios", "pileup provision openclaw@2026.3.8"]
    assert ran[3].startswith(f"pytest scenarios/ --target openclaw@2026.3.8 --baseline {BASELINE}")


def test_a_program_that_cannot_be_installed_is_passed_over(tmp_path: Path) -> None:
    status, last, ran = ci(clone(tmp_path, provision=3))
    assert (status, len(ran)) == (0, 3)
    assert last.startswith("CI passed")
    assert last.endswith("provision passed over")


@pytest.mark.parametrize(
    ("part", "statuses"),
    [
        ("test FAILED (2)", {"test": 1}),  # make's own status
        ("provision FAILED (1)", {"provision": 1}),
        ("openclaw@2026.3.8 FAILED (1)", {"pytest_": 1}),
        ("openclaw@2026.3.8 FAILED (3)", {"pytest_": 3}),  # pytest's internal error is not "cannot be installed"
    ],
)
def test_a_part_that_fails_fails_the_whole(part: str, statuses: dict[str, Any], tmp_path: Path) -> None:
    status, last, ran = ci(clone(tmp_path, **statuses))
    assert status == 1
    assert last.startswith("CI FAILED")
    assert part in last
    assert ran[:2] == ["test", "scenarios"]  # one failure does not hide another


def test_a_missing_baseline_is_not_passed_over(tmp_path: Path) -> None:
    status, last, ran = ci(clone(tmp_path, baseline=False))
    assert (status, ran) == (1, ["test", "scenarios"])
    assert f"there is no {BASELINE}" in last
