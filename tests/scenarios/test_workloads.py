"""The real child work of scenarios: it is real where the tools are, and where they are not, the result says so."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reports.record import Result, load
from scenarios import workloads
from scenarios.workloads import Tools, working

PROJECT = Path(__file__).parents[2]
LIMIT = 300  # seconds, on a machine that is busy with something else


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What is known of this machine's tools is not known of a test's."""
    working.cache_clear()
    yield
    working.cache_clear()


def tool(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def results(folder: Path, chosen: str, **env: str) -> dict[str, Result]:
    """What scenarios say of the reference."""
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "scenarios/test_workloads.py", "-k", chosen]
    subprocess.run(
        [*argv, "--report", str(folder / "report")], cwd=PROJECT, env={**os.environ, **env}, capture_output=True,
        timeout=LIMIT, check=False,
    )  # fmt: skip
    return {result.scenario: result for result in load(folder / "report" / "record.json").results}


def processes(result: Result) -> list[str]:
    """The command lines of the run's tree before its end."""
    trees = [event["processes"] for event in result.history if event["kind"] == "TreeSeen"]
    return [str(process["command"]) for process in trees[0]]


def test_a_tool_that_works_says_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    tool(tmp_path, "npm", "echo 11.0.0; echo more")
    tool(tmp_path, "node", "echo v22")
    assert working("npm", "node") == Tools(versions="npm (11.0.0), node (v22)")


@pytest.mark.parametrize(
    ("script", "seconds", "why"),
    [
        ("", 30.0, "there is no node on PATH"),
        ("exit 1", 30.0, "node does not work here (CalledProcessError)"),
        ("exec /bin/sleep 60", 0.2, "node does not work here (TimeoutExpired)"),
    ],
)
def test_a_tool_that_does_not_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, seconds: float, why: str
) -> None:
    monkeypatch.setattr(workloads, "PROBE_SECONDS", seconds)
    monkeypatch.setenv("PATH", str(tmp_path))
    if script:
        tool(tmp_path, "node", script)
    assert working("node", "npm") == Tools(lacking=why)


def test_without_the_tools_the_fake_build_stands_in(tmp_path: Path) -> None:
    found = results(tmp_path, "killed_in_mid_install or interrupted_in_mid_compile", PATH="/nowhere")
    assert {result.verdict for result in found.values()} == {"CONFORMS"}
    told = "so the shipped fake build stood in"
    assert f"a real npm install: there is no npm on PATH, {told}" in found["killed_in_mid_install"].not_verified
    assert f"a real make: there is no make on PATH, {told}" in found["interrupted_in_mid_compile"].not_verified
    assert any("fakes/builds" in command for command in processes(found["killed_in_mid_install"]))


def test_an_install_is_real_and_leaves_the_home_of_its_user_alone(tmp_path: Path) -> None:
    if lacking := working("npm", "node").lacking:
        pytest.skip(lacking)
    (tmp_path / "home").mkdir()
    (result,) = results(tmp_path, "killed_in_mid_install", HOME=str(tmp_path / "home")).values()
    assert (result.verdict, result.notes) == ("CONFORMS", ())
    assert not any("stood in" in what for what in result.not_verified)
    commands = processes(result)
    assert any(command.startswith("npm install") for command in commands)
    assert any(command.startswith("node install.js") for command in commands)
    assert list((tmp_path / "home").iterdir()) == []


def test_a_compilation_is_real(tmp_path: Path) -> None:
    if lacking := working("make", "cc").lacking:
        pytest.skip(lacking)
    (result,) = results(tmp_path, "interrupted_in_mid_compile").values()
    assert result.verdict == "CONFORMS"
    assert "make -j2" in processes(result)
