"""The measurements work, and what they write can be read. Tiny rounds: no test looks at how long anything took."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from bench import __main__ as command
from bench import conductor, reference, results, suite
from bench.commands import python, timed
from bench.results import OURS, Results
from bench.rounds import BenchError, Sample, interleave, ratios
from harness.conductor import kernel
from harness.errors import ProvisionError
from harness.targets import registry
from harness.targets.protocol import AddAgent, Command, Intent, Site


def quiet(_line: str) -> None:
    """Progress that nobody watches."""


def not_installed(name: str) -> object:
    """As registry.find on a machine without npm."""
    if "@" in name:
        raise ProvisionError(f"{name} is not installed", hint=f"pileup provision {name}")
    return find(name)


find = registry.find


def test_arms_take_turns_after_a_round_that_does_not_count() -> None:
    order: list[str] = []

    def arm(name: str) -> float:
        order.append(name)
        return float(len(order))

    samples = interleave("work", {"a": lambda: arm("a"), "b": lambda: arm("b")}, 2, quiet)
    assert order == ["a", "b"] * 3
    assert [sample.seconds for sample in samples] == [(3.0, 5.0), (4.0, 6.0)]


def test_a_ratio_is_taken_round_by_round() -> None:
    samples = [Sample(measure="m", arm="a", seconds=(2, 30, 4)), Sample(measure="m", arm="b", seconds=(1, 10, 4))]
    assert ratios(samples, "a", "b").seconds == (2.0, 3.0, 1.0)
    assert ratios(samples, "a", "b").median == 2.0


def test_a_command_that_fails_has_no_time() -> None:
    with pytest.raises(BenchError, match="ZeroDivisionError"):
        python("1/0")()
    with pytest.raises(BenchError, match="No such file"):
        timed(("/no/such/program",))


def test_suite_writes_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find", not_installed)
    said: list[str] = []
    found = suite.run(rounds=1, say=said.append, rules=("CFG-6",))
    document = json.loads(results.write(found, tmp_path).read_text())
    assert {frozenset(row) for row in document["rows"]} == {frozenset({"measure", "arm", "value", "unit"})}
    ours = {(row["measure"], row["unit"]) for row in document["rows"] if row["arm"] == OURS}
    assert ("pytest scenarios/", "s") in ours
    assert ("agents add / bare interpreter", "x") in ours
    assert all(row["value"] > 0 for row in document["rows"])
    assert [row["value"] for row in document["rows"] if row["unit"] == "count"] == [
        6
    ]  # an add, a delete and a list, in two arms
    assert "the suite that was measured: 1 CONFORMS" in document["notes"]
    assert any("pileup provision openclaw@2026.3.8" in note for note in document["notes"])
    assert any("skipped" in line for line in said)


@pytest.mark.skipif(not kernel.supported(), reason="system calls cannot be stopped on this machine")
def test_conductor_sees_stops_and_writes_its_rows(tmp_path: Path) -> None:
    found = conductor.run(rounds=1, say=quiet, targets=("reference",))
    document = json.loads(results.write(found, tmp_path).read_text())
    counts = {row["arm"]: row["value"] for row in document["rows"] if row["unit"] == "count"}
    assert 0 < counts[OURS] < counts[conductor.WRITES] < counts[conductor.ALL_BUT_READS]
    arms = {OURS, conductor.WRITES, conductor.ALL_BUT_READS}
    assert {row["arm"] for row in document["rows"] if row["unit"] == "x"} >= arms


def test_reference_is_measured_alone_in_a_crowd_and_with_a_large_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("SESSIONS", 30), ("AGENTS", 4)):
        monkeypatch.setattr(reference, name, value)
    monkeypatch.setattr(results, "OUT", tmp_path)
    listed: list[int] = []

    def timed_and_seen(command: tuple[str, ...], env: dict[str, str], cwd: Path) -> float:
        if "--all" in command:
            done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, check=True)
            listed.append(len(json.loads(done.stdout).get("runs", ())))
        return timed(command, env, cwd)

    monkeypatch.setattr(reference, "timed", timed_and_seen)
    found = reference.run(rounds=1, say=quiet, growth=(2, 3), crowd=3)
    assert set(listed) == {30, 1}
    factors = {sample.measure: sample.seconds for sample in found.ratios}
    assert {"agents add / bare interpreter", "3 adds at once / one by one, over the cores"} < set(factors)
    assert all(value > 0 for taken in factors.values() for value in taken)
    assert "<svg" in (tmp_path / "reference.svg").read_text()


def test_an_add_that_is_lost_is_no_figure() -> None:
    class Losing(reference.ReferenceTarget):
        def command(self, site: Site, intent: Intent) -> Command:
            again = replace(intent, name="lane0") if isinstance(intent, AddAgent) else intent
            return super().command(site, again)

    with pytest.raises(BenchError, match="1 of 1 adds failed"):
        reference._adds(Losing(), 2, 1)


def test_a_missed_aim_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    slow = Sample(measure="pytest scenarios/ / 9 bare interpreters", arm=OURS, seconds=(3.0, 4.0))
    assert any("MISSED at 3.50x" in note for note in suite._plainly(slow, {"CONFORMS": 1}))
    fast = replace(slow, seconds=(1.5,))
    assert any("; met at 1.50x" in note for note in suite._plainly(fast, {"CONFORMS": 1}))


def test_the_table_shows_machine_and_notes(capsys: pytest.CaptureFixture[str]) -> None:
    sample = Sample(measure="work", arm=OURS, seconds=(1.0, 2.0))
    results.show(
        Results(name="x", times=(sample,), ratios=(), versions={"pytest": "9"}, notes=("lost",)), Console(width=100)
    )
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("1.500 s", "1.000..2.000", "kernel: Linux", "cpus:", "pytest: 9", "- lost"))


def test_an_unknown_bench_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        command.main(["nothing"])
    assert end.value.code == 2
    assert "there are suite, reference, conductor" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_bench_that_is_stopped_leaves_no_folder_and_no_process(tmp_path: Path, number: signal.Signals) -> None:
    """Stopped while many adds write into the folder that it removes."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    command = (sys.executable, "-m", "bench", "reference", "--rounds", "1", "--out", str(tmp_path / "out"))
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True) as bench:
        assert bench.stderr is not None
        assert any("64 adds at once" in line for line in bench.stderr)
        while len(psutil.Process(bench.pid).children()) < 8:
            assert bench.poll() is None
        bench.send_signal(number)
        assert bench.wait(60) == 128 + number
    assert list(folder.iterdir()) == []
    assert [process for process in psutil.process_iter() if os.getsid(process.pid) == bench.pid] == []
