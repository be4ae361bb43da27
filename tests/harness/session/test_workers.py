"""How many workers `-n auto` has for the shipped scenarios, who runs what, and that other tests stay as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.places import SCENARIOS
from harness.session import workers


@pytest.fixture(autouse=True)
def undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_XDIST_AUTO_NUM_WORKERS", raising=False)


@pytest.mark.parametrize(("processors", "said"), [(1, 3), (2, 5), (4, 8), (6, 8), (16, 16)])
def test_two_for_each_of_few_processors(monkeypatch: pytest.MonkeyPatch, processors: int, said: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(processors)))
    assert workers.automatic([str(SCENARIOS)], modules=False) == said


@pytest.mark.parametrize(
    ("words", "modules", "ours"),
    [
        ([f"{SCENARIOS}/test_config.py::test_four_adds_at_once"], False, True),
        (["scenarios"], True, True),
        (["scenarios.test_config"], True, True),
        (["harness.targets.conformance"], True, False),
        (["tests/"], False, False),
        ([str(SCENARIOS), "tests/"], False, False),
    ],
)
def test_only_for_the_shipped_scenarios(words: list[str], modules: bool, ours: bool) -> None:
    assert (workers.automatic(words, modules=modules) is not None) == ours


def test_who_says_how_many_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "3")
    assert workers.automatic([str(SCENARIOS)], modules=False) is None


ON_ONE = """
import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import pytest
class Look:
    def pytest_unconfigure(self, config):
        print("distributed by", config.option.dist)
sys.exit(pytest.main(plugins=[Look()]))
"""


def test_the_session_starts_so_many(tmp_path: Path) -> None:
    said = _session([str(SCENARIOS), "--rule", "CFG-2", "--report", str(tmp_path)])
    assert "3 workers [" in said
    assert "distributed by worksteal" in said


def test_another_way_to_distribute_is_kept(tmp_path: Path) -> None:
    said = _session([str(SCENARIOS), "--dist", "load", "--rule", "CFG-2", "--report", str(tmp_path)])
    assert "distributed by load\n" in said


def test_other_tests_are_distributed_as_ever(tmp_path: Path) -> None:
    other = tmp_path / "test_other.py"
    other.write_text("def test_nothing_of_ours() -> None:\n    assert True\n")
    assert "distributed by load\n" in _session([str(other)])


def _session(words: list[str]) -> str:
    command = [sys.executable, "-c", ON_ONE, *words, "-n", "auto", "-p", "no:cacheprovider"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
