"""The searches, their tables and the replays work, on two programs of the corpus. No test looks at a figure's size."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from bench import detection, replay, results, schedules
from bench.corpus import arms
from bench.corpus.arena import Arena
from bench.corpus.catalog import Program, Twin, load
from bench.results import OURS
from bench.rounds import BenchError
from harness.conductor import kernel
from harness.schedules.decisions import Decisions, Follow

pytestmark = pytest.mark.skipif(not kernel.supported(), reason="system calls cannot be stopped on this machine")
PROGRAMS = {program.name: program for program in load()}
LOST_UPDATE = PROGRAMS["write-skew"]


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with Arena(tmp_path_factory.mktemp("cache")) as made:
        yield made


def quiet(_line: str) -> None:
    """Progress that nobody watches."""


def test_a_schedule_that_is_followed_fails_and_the_default_one_does_not(arena: Arena) -> None:
    usual = arena.scheduled(LOST_UPDATE, Twin.BUGGY, Follow(Decisions()))
    rename = next(point for point in usual.trace.points if point.call == "rename")
    decisions = Decisions.parse(f"{rename.actor}.{rename.index}>b")
    other = arena.scheduled(LOST_UPDATE, Twin.BUGGY, Follow(decisions), decisions)
    assert (usual.violation, other.violation) == (None, "120 of 100 are used: {'a': 60, 'b': 60}")
    assert all(0 < ran.cpu < 5 and ran.trace.steps for ran in (usual, other))


def test_an_absent_actor_is_not_started(arena: Arena) -> None:
    decisions = Decisions.parse("b!absent")
    ran = arena.scheduled(LOST_UPDATE, Twin.BUGGY, Follow(decisions), decisions)
    assert {point.actor for point in ran.trace.points} == {"a"}


@pytest.mark.parametrize("name", [*arms.uncontrolled(), *arms.controlled()])
@pytest.mark.parametrize("program", ["start-order", "torn-append"])
def test_every_arm_runs_a_program_again_and_again(arena: Arena, name: str, program: str) -> None:
    arm = {**arms.uncontrolled(), **arms.controlled()}[name]
    attempts = arm(arena, PROGRAMS[program], 1)
    runs = [next(attempts) for _ in range(3)]
    assert all(ran.cpu > 0 for ran in runs)
    assert all(bool(ran.trace.steps) == (name in arms.controlled()) for ran in runs)


def test_a_ring_of_locks_is_found(arena: Arena) -> None:
    """Nobody may be kept waiting for ever: the kernel fails one of the ring's locks."""
    found = detection.search(arena, PROGRAMS["lock-ring"], OURS, arms.whole_portfolio, 1, 10.0)
    assert found.violation is not None
    assert "deadlock" in found.violation.lower()


def test_detection_writes_its_rows_and_marks_what_was_not_found(tmp_path: Path) -> None:
    found = detection.run(rounds=2, say=quiet, cap=0.3, names=("write-skew", "lock-ring"), only=("repeat", OURS))
    document = json.loads(results.write(found, tmp_path).read_text())
    assert {frozenset(row) for row in document["rows"]} == {frozenset({"measure", "arm", "value", "unit"})}
    assert {row["arm"] for row in document["rows"]} == {"repeat", OURS}
    assert any("hard half" in note and "aim: 10x" in note for note in found.notes)
    output = Console(file=io.StringIO(), width=160)
    results.show(found, output)
    assert "lock-ring (hard)" in output.file.getvalue()  # type: ignore[attr-defined]


def cell(*searches: tuple[float, str | None]) -> detection.Cell:
    made = (
        detection.Search(program=LOST_UPDATE, arm="x", cpu=cpu, runs=1, violation=violation)
        for cpu, violation in searches
    )
    return detection.Cell(searches=tuple(made), cap=9.0)


def test_a_search_without_a_failure_counts_as_the_cap() -> None:
    assert cell((1.0, "lost"), (2.0, "lost"), (3.0, None)).median == 2.0
    assert str(cell((1.0, "lost"), (2.0, "lost"), (3.0, None))) == "2.00"
    assert str(cell((1.0, "lost"), (2.0, None), (3.0, None))) == "cap (1/3)"
    assert str(cell((1.0, None), (2.0, None))) == "cap"


def test_unknown_names_are_refused() -> None:
    with pytest.raises(BenchError, match="there is no program 'nothing'"):
        detection.run(rounds=1, say=quiet, names=("nothing",))
    with pytest.raises(BenchError, match="there is no program 'nothing'"):
        replay.run(rounds=1, say=quiet, names=("nothing",))
    with pytest.raises(BenchError, match="there is no arm 'nothing'"):
        detection.run(rounds=1, say=quiet, only=("nothing",))


def test_a_found_failure_is_replayed_and_shrunk_and_its_twin_is_left_alone() -> None:
    found = replay.run(rounds=1, say=quiet, replays=3, twins=5, names=("write-skew",))
    figures = {row.measure.partition(", ")[2]: row.value for row in found.counts}
    assert figures["the same of replays"] == 3
    assert figures["preemptions, shrunk"] == figures["preemptions, exhaustive minimum"] == 1
    assert figures["false alarms"] == 0
    assert "3 of 3 replays the same" in found.notes


def test_the_small_programs_have_the_points_that_they_say(arena: Arena, tmp_path: Path) -> None:
    program: Program = schedules.small(tmp_path, 10)
    ran = arena.scheduled(program, Twin.BUGGY, Follow(Decisions()))
    assert ran.violation is None
    assert len([point for point in ran.trace.points if point.call != "start"]) == 10


def test_schedules_says_what_a_stop_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    def paced(count: int, points: int) -> list[schedules.Pace]:
        return [schedules.Pace(schedules=10, points=10 * points, cpu=0.1, wall=0.01 * points)] * count

    monkeypatch.setattr(schedules, "_workers", paced)
    figures = {row.measure: row.value for row in schedules.run(rounds=2, say=quiet).counts}
    assert figures["a stop with its decision, us"] == 1000.0
    assert figures["schedules a second, 10 points, 1 worker"] == 100.0
    assert figures["schedules a second, 10 points, 2 workers"] == 200.0
