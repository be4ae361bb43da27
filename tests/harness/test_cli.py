"""The command `pileup`: exit statuses as its help says them, one clear message, and never a traceback."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import cli
from harness.commands import doctor
from harness.places import RULES_FILE, SCENARIOS
from harness.scenario import load_rules
from harness.targets import registry
from harness.version import VERSION
from reports.baseline import Baseline, Expected
from reports.record import Record, load
from reports.writer import write

PILEUP = [sys.executable, "-c", "import sys; from harness.__main__ import main; sys.exit(main())"]
COMMANDS = sorted(next(a for a in cli.parser()._actions if isinstance(a, argparse._SubParsersAction)).choices)
HOSTILE = "[/bold] [link=x]y \x1b]0;title\x07\x1b[2J \udc80 \u202e"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of a real session."""
    folder = tmp_path_factory.mktemp("real")
    command = [sys.executable, "-m", "pytest", str(SCENARIOS / "test_config.py"), "--rule", "CFG-6", "-q"]
    command += ["--report", str(folder), "-p", "no:cacheprovider"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder / "record.json"


@pytest.fixture
def pileup(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command in this process; its exit status and what it wrote."""

    def run(*words: str | Path) -> tuple[int, str, str]:
        try:
            status = cli.main([str(word) for word in words])
        except SystemExit as left:  # argparse
            status = int(left.code or 0)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return status, out, err

    return run


def changed(path: Path, folder: Path, **changes: Any) -> Path:
    """A copy of a record whose only result differs."""
    record = load(path)
    return saved(replace(record, results=(replace(record.results[0], **changes),)), folder)


def saved(record: Record, folder: Path) -> Path:
    return write(record, folder)[0]


def test_every_command_helps(pileup: Any) -> None:
    assert len(COMMANDS) == 13
    for command in COMMANDS:
        status, out, err = pileup(command, "--help")
        assert (status, err) == (0, "")
        assert out.startswith(f"usage: pileup {command}")
    status, out, _ = pileup("--help")
    assert status == 0
    assert "exit status: 0 done" in out
    assert pileup("--version") == (0, f"pileup {VERSION}\n", "")


WRONG: list[tuple[Sequence[str], str]] = [
    ((), "the following arguments are required: COMMAND"),
    (("fly",), "invalid choice: 'fly'"),
    (("targets", "now"), "unrecognized arguments: now"),
    (("provision", "nobody@1"), "nobody@1"),
    (("provision", "openclaw"), "openclaw"),
    (("variants", "nobody"), "there is no variant 'nobody'\n  variants: "),
    (("variants", "--runs", "0"), "'0' is not a whole number of at least 1"),
    (("variants", "--runs", "²"), "is not a whole number"),
    (("replay", "nonsense"), "'nonsense' is not a replay token\n  copy it whole"),
    (("replay", "x@y#1\x1b[2J"), "is not a replay token"),
    (("merge",), "the following arguments are required"),
    (("merge", "none.json"), "the following arguments are required: -o/--output"),
]
RECORDS = ["diff A A", "merge A -o OUT", "matrix A", "matrix --markdown A", "report A", "recheck A"]


@pytest.mark.parametrize(
    ("words", "said"), WRONG, ids=lambda case: " ".join(case)[:30] if isinstance(case, tuple) else ""
)
def test_a_wrong_command_says_what_is_wrong(pileup: Any, words: Sequence[str], said: str) -> None:
    status, out, err = pileup(*words)
    assert (status, out) == (2, "")
    assert said in err
    assert "\x1b" not in err


BAD_FILES = {
    "missing": (None, "No such file"), "empty": (b"", "not a Pileup record"), "cut": (b'{"schema": 1, "cre',
    "not a Pil"),
    "list": (b"[]", "not a Pileup record"), "other": (b'{"schema": 1}', "not a Pileup record"),
    "newer": (b'{"schema": 99}', "schema 99 is not 1\n  use the Pileup that wrote it"),
    "binary": (b"\xff\xfe\x00", "not a Pileup record"), "deep": (b"[" * 100000, "not a Pileup record"),
}  # fmt: skip


@pytest.mark.parametrize("command", RECORDS)
@pytest.mark.parametrize("kind", [*BAD_FILES, "folder"])
def test_what_is_no_record_is_refused(pileup: Any, tmp_path: Path, command: str, kind: str) -> None:
    path = tmp_path / "record.json"
    data, said = BAD_FILES.get(kind, (None, "Is a directory"))
    if data is not None:
        path.write_bytes(data)
    elif kind == "folder":
        path.mkdir()
    words = [{"A": path, "OUT": tmp_path / "out"}.get(word, word) for word in command.split()]
    status, out, err = pileup(*words)
    assert (status, out) == (2, "")
    assert err.startswith(f"pileup: {path}: ")
    assert said in err
    assert err.count("\n") == 2  # what is wrong, and what to do about it
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("targets", [1, 9])
def test_no_name_in_a_matrix_is_cut_however_narrow_the_terminal(
    pileup: Any, real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, targets: int
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    record = load(real)
    results = tuple(replace(record.results[0], scenario=f"a_scenario_with_a_long_name_{n}") for n in range(6))
    names = [f"an-orchestrator-with-a-long-name-{n}" for n in range(targets)]
    paths = [
        saved(replace(record, results=results, target=replace(record.target, name=name)), tmp_path / name)
        for name in names
    ]
    status, out, _ = pileup("matrix", *paths)
    assert status == 0
    assert [word for word in (*names, *(result.scenario for result in results)) if word not in out] == []
    table = out[: out.index("V violated")]
    assert table.count(" . ") == 6 * targets
    assert len(set(map(len, table.splitlines()))) == 1


def test_every_name_of_a_target_can_be_copied(pileup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = pileup("targets")
    assert status == 0
    assert [name for name, _ in registry.states() if f" {name} " not in out] == []


def test_a_real_record_goes_through_every_command(pileup: Any, real: Path, tmp_path: Path) -> None:
    assert pileup("recheck", real) == (0, "no verdict changed\n", "")
    assert pileup("diff", real, real) == (0, "No verdict changed.\n\n", "")
    status, out, _ = pileup("matrix", real)
    assert status == 0
    assert "reference@" in out
    status, out, _ = pileup("matrix", "--markdown", real)
    assert status == 0
    assert "| `CFG-6` | `unknown_keys` |" in out
    status, out, _ = pileup("report", real, "-o", tmp_path / "again")
    assert status == 0
    assert out.split() == [str(tmp_path / "again" / name) for name in ("record.json", "report.md", "report.html")]
    assert (tmp_path / "again" / "record.json").read_bytes() == real.read_bytes()
    later = saved(replace(load(real), created="2099-01-01T00:00:00+00:00"), tmp_path / "later")
    assert pileup("merge", real, later, "-o", tmp_path / "joint")[0] == 0
    assert load(tmp_path / "joint" / "record.json").results[0].fault_arm.runs == 2


def test_changed_verdicts_are_told_with_status_1(pileup: Any, real: Path, tmp_path: Path) -> None:
    other = changed(real, tmp_path, verdict="VIOLATED")
    status, out, _ = pileup("recheck", other)
    assert (status, out.splitlines()) == (1, ["CFG-6 unknown_keys: was VIOLATED, is CONFORMS", "1 verdicts changed"])
    status, out, _ = pileup("diff", real, other)
    assert status == 1
    assert out.startswith("worse  CFG-6  unknown_keys")


DAMAGE: list[tuple[dict[str, Any], str]] = [
    ({"where": "scenarios/test_config.py::test_vanished"}, "is not here any more"),
    ({"where": ""}, "is not here any more"),
    ({"token": "nonsense"}, "is not a replay token"),
    ({"history": ({"seq": 0, "at": 0.0, "kind": "Vanished"},)}, "holds an event that is not known here: 'Vanished'"),
    ({"history": ({"seq": 0, "at": 0.0, "kind": "Hung", "actor": "a", "seconds": "x"},)}, "not known here: 'x' is not"),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGE)
def test_a_damaged_record_cannot_be_judged_again(
    pileup: Any, real: Path, tmp_path: Path, damage: dict[str, Any], said: str
) -> None:
    status, out, err = pileup("recheck", changed(real, tmp_path, **damage))
    assert (status, out) == (2, "")
    assert said in err


def test_two_targets_cannot_be_merged(pileup: Any, real: Path, tmp_path: Path) -> None:
    record = load(real)
    other = saved(replace(record, target=replace(record.target, name="other")), tmp_path / "other")
    status, _, err = pileup("merge", real, other, "-o", tmp_path / "joint")
    assert status == 2
    assert "different targets" in err
    assert "pileup matrix" in err
    assert not (tmp_path / "joint").exists()


def test_a_report_that_cannot_be_written_says_so(pileup: Any, real: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    for words in (("report", real, "-o", blocked), ("merge", real, "-o", blocked / "below")):
        status, out, err = pileup(*words)
        assert (status, out) == (2, "")
        assert "the report cannot be written" in err


def test_hostile_words_of_a_record_do_nothing_to_a_terminal(pileup: Any, real: Path, tmp_path: Path) -> None:
    record = load(real)
    result = replace(record.results[0], scenario=HOSTILE, verdict="VIOLATED")
    target = replace(record.target, name=HOSTILE, version="")
    path = saved(replace(record, results=(result,), target=target), tmp_path)
    for words in (("recheck", path), ("matrix", path), ("matrix", "--markdown", path), ("diff", real, path)):
        _, out, err = pileup(*words)
        assert "\x1b" not in out + err
        assert "bold" in out


def test_tables_are_complete(pileup: Any) -> None:
    status, out, _ = pileup("targets")
    assert status == 0
    assert [
        word for word in ("reference", "variant:config-unlocked", "openclaw@", "file.py:attribute") if word not in out
    ] == []
    status, out, _ = pileup("rules")
    assert status == 0
    assert "END-1" in out
    assert " ".join(out.split()).count("to be confirmed") == sum(
        not rule.definite for rule in load_rules(RULES_FILE).values()
    )
    status, out, _ = pileup("rules", "--markdown")
    assert status == 0
    assert out == (SCENARIOS.parent / "docs" / "rules.md").read_text(encoding="utf-8")


def test_rules_that_are_named_are_told_of_in_full(pileup: Any) -> None:
    status, out, _ = pileup("rules", "cfg-1", "LCK-2")
    assert status == 0
    for said in ("acknowledged-add-survives", "Why: Whoever", "A finding is definite.", "--rule LCK-2", "confirmed"):
        assert said in out
    assert "CFG-2" not in out
    assert pileup("rules", "--markdown", "LCK-2")[1].count("| LCK-") == 1
    status, _, err = pileup("rules", "CFG-1", "NO-1")
    assert status == 2
    assert "there is no rule 'NO-1'" in err


@pytest.mark.parametrize(("state", "status"), [("good", 0), ("limited", 0), ("bad", 1)])
def test_doctor_says_what_falls_back(pileup: Any, monkeypatch: pytest.MonkeyPatch, state: Any, status: int) -> None:
    check = doctor.Check(name="thing", state=state, finding="[/] found", advice="do [x]")
    monkeypatch.setattr(doctor, "examine", lambda: [check])
    found, out, _ = pileup("doctor")
    assert found == status
    assert "thing" in out
    assert "[/] found" in out
    assert "do [x]" in out


def test_ctrl_c_is_130(pileup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "examine", interrupt)
    assert pileup("doctor") == (130, "", "pileup: interrupted\n")


def test_sigterm_is_143_and_said(pileup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: signal.raise_signal(signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert pileup("doctor") == (143, "", "pileup: terminated\n")
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("module", ["harness.cli", "harness.commands.variants", "rich.console"])
def test_ctrl_c_while_it_is_still_importing_is_130(module: str) -> None:
    """A finder stands in for the key: it interrupts when this module is looked for."""
    interrupting = f"""
import sys
class Interrupts:
    def find_spec(self, name, *_):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupts())
"""
    done = subprocess.run([sys.executable, "-c", interrupting + PILEUP[2], "rules"], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"pileup: interrupted\n")


@pytest.mark.parametrize(("theirs", "ours"), [(0, 0), (1, 1), (2, 130), (3, 1), (4, 2), (5, 2), (-9, 1)])
def test_a_replay_has_statuses_of_ours(pileup: Any, monkeypatch: pytest.MonkeyPatch, theirs: int, ours: int) -> None:
    lines: list[list[str]] = []

    def run(command: list[str], *, check: bool) -> Any:
        lines.append(command)
        return subprocess.CompletedProcess(command, theirs)

    monkeypatch.setattr(subprocess, "run", run)
    assert pileup("replay", "x@my dir/a.py:T#1!control")[0] == ours
    [command] = lines
    assert command[-2:] == ["--replay", "x@my dir/a.py:T#1!control"]


def run_with(stdout: Any, *words: str | Path) -> tuple[int, str]:
    """A process of its own, with that standard output; its status and its standard error."""
    command = [*PILEUP, *map(str, words)]
    done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", [("targets",), ("rules", "--markdown")], ids=" ".join)
def test_nobody_reads_the_output(words: Sequence[str]) -> None:
    """As under `| head -1`: the pipe is closed before anything is written."""
    read, write_end = os.pipe()
    os.close(read)
    try:
        status, err = run_with(write_end, *words)
    finally:
        os.close(write_end)
    assert (status, err) == (1, "")


@pytest.mark.parametrize("words", [("targets",), ("rules", "--markdown")], ids=" ".join)
def test_the_output_has_no_room(words: Sequence[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        status, err = run_with(full, *words)
    assert (status, err) == (1, "pileup: standard output: No space left on device\n")


def test_without_standard_output() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *PILEUP, "targets"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1)


def test_the_record_is_json(real: Path) -> None:
    assert json.loads(real.read_text(encoding="utf-8"))["results"][0]["verdict"] == "CONFORMS"


def test_baseline_on_standard_output_is_one_that_the_record_meets(pileup: Any, real: Path, tmp_path: Path) -> None:
    status, out, _ = pileup("baseline", real)
    path = tmp_path / "baseline.json"
    path.write_text(out)
    assert (status, Baseline.load(path).compare(load(real))) == (0, ())


def test_baseline_keeps_the_reasons_in_its_file_and_tells_what_has_changed(
    pileup: Any, real: Path, tmp_path: Path
) -> None:
    path = tmp_path / "baseline.json"
    assert pileup("baseline", real, "-o", path)[0] == 0
    document = json.loads(path.read_text())
    (name,) = document["expected"]
    document["expected"][name]["why"] = "since 1.2"
    document["expected"]["elsewhere"] = {"verdict": "UNSUPPORTED"}
    path.write_text(json.dumps(document))
    status, out, _ = pileup("baseline", real, "-o", path)
    assert (status, out) == (0, f"{path}: 1 CONFORMS, 1 UNSUPPORTED\n")
    assert Baseline.load(path).expected[name] == Expected(verdict="CONFORMS", why="since 1.2")
    document["expected"][name]["verdict"] = "VIOLATED"
    path.write_text(json.dumps(document))
    status, out, _ = pileup("baseline", real, "-o", path)
    assert f"{name}: expected VIOLATED (since 1.2), but it is CONFORMS\n" in out
    assert Baseline.load(path).expected[name] == Expected(verdict="CONFORMS")


def test_baseline_of_another_target_or_that_is_none_stays_as_it_is(pileup: Any, real: Path, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    for text in ('{"target": "pi", "expected": {}}', "no JSON"):
        path.write_text(text)
        status, _, err = pileup("baseline", real, "-o", path)
        assert (status, path.read_text()) == (2, text)
        assert str(path) in err or "this baseline is for pi" in err
    assert pileup("baseline", real, "-o", tmp_path / "nowhere" / "b.json")[0] == 2
