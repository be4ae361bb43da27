"""The proof of what variants say of themselves: what surprises it, and what it refuses."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.commands import variants
from harness.commands.variants import KEPT, Claim, claims, prove
from harness.errors import PileupError, UsageError
from harness.places import RULES_FILE
from harness.scenario import load_rules
from harness.targets.variant import variant_names
from reports.record import ArmFacts, Record, Result, TargetFacts, load
from reports.writer import write

NAME = "config-unlocked"


def result(rule: str, verdict: str, *, violated: int = 0, runs: int = 1, scenario: str = "s") -> Result:
    return Result(
        scenario=scenario, title="t", where="w", rule=rule, verdict=verdict, findings=(), fault="f",
        fault_arm=ArmFacts(runs=runs, violated=violated), control_arm=ArmFacts(runs=1, violated=0), replay="r",
        token="t", seconds=1.0,
    )  # fmt: skip


def record(*results: Result) -> Record:
    return Record(
        created="2026-01-01T00:00:00+00:00", pileup="0", command="c", seed=1, machine={},
        target=TargetFacts(name=f"variant:{NAME}", version="0"), rules=(), results=results,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Reports that are kept go below the working directory."""
    monkeypatch.chdir(tmp_path)


BROKEN = result("CFG-1", "VIOLATED", violated=3, runs=3)
FINE = result("CFG-2", "CONFORMS", runs=3)
SURPRISES: list[tuple[str, tuple[str, ...], list[Result], list[str]]] = [
    ("as-it-says", ("CFG-1",), [BROKEN, FINE], []),
    ("whole-story-too", ("CFG-1",), [BROKEN, FINE, result("END-1", "VIOLATED", violated=1)], []),
    ("one-of-two-scenarios", ("CFG-1",), [BROKEN, result("CFG-1", "CONFORMS", scenario="t")], []),
    ("breaks-nothing", ("CFG-1",), [replace(BROKEN, fault_arm=ArmFacts(runs=3, violated=0), verdict="CONFORMS")],
     [f"{NAME}: CFG-1 should be VIOLATED every time: s 0 of 3"]),
    ("breaks-it-at-times", ("CFG-1",), [replace(BROKEN, fault_arm=ArmFacts(runs=3, violated=2))],
     [f"{NAME}: CFG-1 should be VIOLATED every time: s 2 of 3"]),
    ("was-not-run", ("CFG-1",), [result("CFG-1", "UNSUPPORTED", runs=0)],
     [f"{NAME}: CFG-1 should be VIOLATED every time: s 0 of 0"]),
    ("only-without-the-fault", ("CFG-1",), [result("CFG-1", "VIOLATED", runs=2)],
     [f"{NAME}: CFG-1 should be VIOLATED every time: s 0 of 2"]),
    ("breaks-something-else", ("CFG-1",), [BROKEN, result("CFG-2", "VIOLATED", violated=1)],
     [f"{NAME}: s (CFG-2) is VIOLATED"]),
    ("blamed-by-nobody-for-sure", ("CFG-1",), [BROKEN, result("CFG-2", "UNKNOWN"), result("LCK-1", "INCONCLUSIVE")],
     [f"{NAME}: s (CFG-2) is UNKNOWN", f"{NAME}: s (LCK-1) is INCONCLUSIVE"]),
    ("no-scenario-of-it", ("CFG-1", "CFG-8"), [BROKEN],
     [f"{NAME}: CFG-8 should be VIOLATED, but no scenario of it was run"]),
    ("nothing-at-all", ("CFG-1",), [], [f"{NAME}: CFG-1 should be VIOLATED, but no scenario of it was run"]),
    ("by-chance", ("CFG-1",), [BROKEN, result("LCK-8", "VIOLATED")], []),
    ("says-that-it-breaks-nothing", (), [FINE], []),
]  # fmt: skip


def swept(monkeypatch: pytest.MonkeyPatch, breaks: Any, ran: Any, *names: str, **how: Any) -> tuple[Any, list[str]]:
    """A sweep whose suites give the record, and what it told of its progress."""
    told: list[str] = []
    claimed = {name: Claim(breaks=rules, may_break=("LCK-8",)) for name, rules in breaks.items()}
    monkeypatch.setattr(variants, "claims", lambda: claimed)
    monkeypatch.setattr(subprocess, "run", ran)
    return prove(names, **{"only_broken": False, "runs": 3, "progress": told.append, **how}), told


def suite(whole: Record, status: int = 1, commands: list[list[str]] | None = None) -> Any:
    def run(command: list[str], **_: Any) -> Any:
        (commands if commands is not None else []).append(command)
        write(whole, Path(command[command.index("--report") + 1]))
        return subprocess.CompletedProcess(command, status, stdout="out", stderr="err")

    return run


@pytest.mark.parametrize(("breaks", "results", "expected"), [pytest.param(*s[1:], id=s[0]) for s in SURPRISES])
def test_surprises(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, breaks: Any, results: list[Result], expected: list[str]
) -> None:
    found, told = swept(monkeypatch, {NAME: breaks}, suite(record(*results)), NAME)
    assert list(found.surprises) == expected
    assert (f"{NAME}: {KEPT}/{NAME}/report.md" in found.again) is bool(expected)
    kept = tmp_path / KEPT / NAME / "record.json"
    assert ([load(kept)] if kept.exists() else []) == [record(*results)] * bool(expected)
    assert found.records == (record(*results),)
    assert told == [f"1 of 1: {NAME} (breaks {', '.join(breaks)})"]


def test_what_surprised_can_be_seen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of the results that surprised, and of no other; a report of before is replaced."""
    old = KEPT / NAME / "old"
    old.mkdir(parents=True)
    strange = replace(result("CFG-2", "VIOLATED", violated=1), replay="pytest s --replay strange")
    found, _ = swept(monkeypatch, {NAME: ("CFG-1",)}, suite(record(BROKEN, strange)), NAME)
    assert list(found.again) == ["pytest s --replay strange", f"{NAME}: {KEPT}/{NAME}/report.md"]
    assert not old.exists()


def test_a_report_that_cannot_be_kept_hides_no_surprise(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("reports").write_text("a file")
    found, _ = swept(monkeypatch, {NAME: ("CFG-1",)}, suite(record(FINE)), NAME)
    assert found.surprises
    assert "cannot be kept" in found.again[-1]


@pytest.mark.parametrize(("only", "rules"), [(True, ["--rule", "CFG-1", "--rule", "CFG-8"]), (False, [])])
def test_the_suite_is_asked_for_what_was_wanted(monkeypatch: pytest.MonkeyPatch, only: bool, rules: list[str]) -> None:
    commands: list[list[str]] = []
    ran = suite(record(BROKEN), commands=commands)
    swept(monkeypatch, {NAME: ("CFG-1", "CFG-8", "NEW-1")}, ran, NAME, NAME, only_broken=only)
    [command] = commands  # once, though it was named twice
    assert command[command.index("--target") + 1] == f"variant:{NAME}"
    assert [word for word in command if word == "--rule" or word[:4] in ("CFG-", "NEW-")] == rules


@pytest.mark.parametrize(("runs", "said"), [(None, []), (3, ["--schedules", "3"])])
def test_a_scenario_runs_as_often_as_it_says_unless_told(
    monkeypatch: pytest.MonkeyPatch, runs: int | None, said: list[str]
) -> None:
    """One schedule would be a quick look (`--schedules`), whose two points of a sweep may miss a mistake."""
    commands: list[list[str]] = []
    swept(monkeypatch, {NAME: ("CFG-1",)}, suite(record(BROKEN), commands=commands), NAME, runs=runs)
    [command] = commands
    assert [word for word in command if word in ("--schedules", "3")] == said


@pytest.mark.parametrize("names", [["nobody"], [NAME, "../x"], [""]])
def test_an_unknown_variant_is_refused_before_anything_runs(names: list[str]) -> None:
    with pytest.raises(UsageError, match="there is no variant") as raised:
        prove(names, only_broken=True, runs=1, progress=pytest.fail)
    assert NAME in raised.value.hint


def refuse(command: list[str], **_: Any) -> Any:
    return subprocess.CompletedProcess(command, 4, stdout="usage", stderr="why")


def hang(command: list[str], **_: Any) -> Any:
    raise subprocess.TimeoutExpired(command, 1)


@pytest.mark.parametrize(
    ("ran", "said"), [(refuse, "did not run on config-unlocked:\nusagewhy"), (hang, "had not ended")]
)
def test_a_suite_that_does_not_run_is_no_answer(monkeypatch: pytest.MonkeyPatch, ran: Any, said: str) -> None:
    with pytest.raises(PileupError, match=said):
        swept(monkeypatch, {NAME: ("CFG-1",)}, ran, NAME)


def test_a_variant_that_the_reference_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PileupError, match="does not say what config-unlocked breaks"):
        swept(monkeypatch, {}, suite(record()), NAME)


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"variants": [{}]}', b'{"variants": [1]}'])
def test_an_answer_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, answer))
    with pytest.raises(PileupError, match="does not say what its variants break"):
        claims()


def test_every_variant_says_what_it_breaks() -> None:
    """Asked of the real program: one by one, known rules, and each rule but END-1 is broken by somebody."""
    told, rules = claims(), load_rules(RULES_FILE)
    assert set(told) == set(variant_names())
    assert all(set(claim.may_break) <= set(rules) - set(claim.breaks) for claim in told.values())
    assert [name for name, claim in told.items() if not claim.breaks] == []
    assert {rule for claim in told.values() for rule in claim.breaks} >= set(rules) - {"END-1"}
