"""Exhaustive exploration, held against all interleavings of small programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count, islice
from random import Random

import pytest

from harness.schedules.certificate import Certificate, Coverage
from harness.schedules.clocks import Clock, class_of, clocks, enablers
from harness.schedules.dpor import Explorer
from harness.schedules.guided import Effects, Guided, drowsy
from harness.schedules.points import Point, Touch, dependent
from harness.schedules.replay import Diverged
from harness.schedules.trace import Trace
from harness.verdict import Verdict
from tests.harness.schedules.brute import Form, Truth, Values, brute_force, form_of, random_programs
from tests.harness.schedules.simulated import If, Op, Programs, simulate

FEW = 400  # interleavings: programs with more are left out, for the sake of the suite's time


Case = tuple[int, Programs, Truth]  # with the seed


@dataclass(slots=True)
class Found:
    """What an exploration came across."""

    traces: list[Trace] = field(default_factory=list)  # of the runs that were not redundant
    forms: list[Form] = field(default_factory=list)
    values: set[Values] = field(default_factory=set)
    deadlocks: set[Form] = field(default_factory=set)


def explore(programs: Programs, explorer: Explorer, limit: int | None = None) -> Found:
    found = Found()
    while (strategy := explorer.next()) is not None:
        ran = simulate(programs, strategy, limit)
        explorer.executed(ran.trace, waiting=ran.waiting, cut_off=ran.cut_off, verdict=Verdict.CONFORMS)
        if strategy.redundant_from is not None or ran.cut_off:
            continue
        found.traces.append(ran.trace)
        found.forms.append(form_of(ran.trace.points))
        found.values.add(tuple(sorted(ran.values.items())))
        if ran.stuck:
            found.deadlocks.add(found.forms[-1])
    return found


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """200 random programs: those of the first seeds whose programs have few enough interleavings."""
    return list(islice(random_cases(), 200))


def random_cases() -> Iterator[Case]:
    for seed in count():
        programs = random_programs(Random(seed))
        truth = brute_force(programs, FEW)
        if truth is not None:
            yield seed, programs, truth


def test_equals_brute_force_on_200_random_programs(cases: list[Case]) -> None:
    """Every class once and no other, every final value, every deadlock."""
    for seed, programs, truth in cases:
        found = explore(programs, explorer := Explorer())
        certificate = explorer.certificate()
        assert set(found.forms) == set(truth.classes), seed
        assert len(found.forms) == len(truth.classes) == certificate.classes, seed
        assert found.values == truth.values, seed
        assert found.deadlocks == truth.deadlocks, seed
        assert certificate.stuck == len(truth.deadlocks), seed
        assert certificate.executions == certificate.classes + certificate.blocked, seed
        assert certificate.coverage is Coverage.EXHAUSTIVE, seed


def test_few_runs_are_broken_off_as_redundant(cases: list[Case]) -> None:
    """A regression of the reduction shows here; and the random programs have something to find."""
    blocked = 0
    for _, programs, _ in cases:
        explore(programs, explorer := Explorer())
        blocked += explorer.certificate().blocked
    classes = sum(len(truth.classes) for _, _, truth in cases)
    assert classes > 600
    assert blocked < classes / 50
    assert any(truth.deadlocks for _, _, truth in cases)


@pytest.mark.parametrize("preemptions", [0, 1, 2])
def test_bound_covers_exactly_the_classes_with_so_few_preemptions(cases: list[Case], preemptions: int) -> None:
    """No run has more preemptions, and no class that can be had with so many is left out."""
    left_out = 0
    for seed, programs, truth in cases[:60]:
        found = explore(programs, explorer := Explorer(preemptions=preemptions))
        within = {form for form, least in truth.classes.items() if least <= preemptions}
        assert set(found.forms) == within, seed
        assert all(trace.preemptions() <= preemptions for trace in found.traces), seed
        assert explorer.certificate().coverage is Coverage.BOUNDED
        left_out += len(truth.classes) - len(within)
    assert left_out > 0


LOST_UPDATE: Programs = dict.fromkeys("ab", (Op("read", "x"), Op("set", "x")))
LOCKED: Programs = dict.fromkeys("ab", (Op("lock", "m"), Op("read", "x"), Op("set", "x"), Op("unlock", "m")))
CROSSED: Programs = {
    "a": (Op("lock", "m"), Op("lock", "n"), Op("unlock", "n"), Op("unlock", "m")),
    "b": (Op("lock", "n"), Op("lock", "m"), Op("unlock", "m"), Op("unlock", "n")),
}


def test_a_lost_update_is_found() -> None:
    """6 interleavings are 4 classes: one after the other, twice, and two in which both read first."""
    found = explore(LOST_UPDATE, Explorer())
    assert len(found.forms) == 4
    assert found.values == {(("x", 1),), (("x", 2),)}


@pytest.mark.parametrize("release", ["unlock", "drop"])
def test_locks_leave_one_class_for_each_order(release: str) -> None:
    """Also where the release of a lock touches nothing."""
    programs = {name: (*program[:-1], Op(release, "m")) for name, program in LOCKED.items()}
    explorer = Explorer()
    assert explore(programs, explorer).values == {(("x", 2),)}
    assert (explorer.certificate().classes, explorer.certificate().executions) == (2, 2)


def test_a_deadlock_is_found_and_hides_nothing() -> None:
    """The runs in which one actor is through before the other begins are found too, whichever comes first."""
    explorer = Explorer()
    found = explore(CROSSED, explorer)
    assert len(found.deadlocks) == 1
    assert len(found.forms) == 3
    assert "in 1 the actors waited for each other for ever" in str(explorer.certificate())


def test_without_knowing_which_points_exclude_each_other_only_runs_are_wasted(cases: list[Case]) -> None:
    for seed, programs, truth in cases[:60]:
        found = explore(programs, explorer := Explorer(exclusive=lambda one, other: False))
        assert set(found.forms) == set(truth.classes), seed
        assert explorer.certificate().repeated == 0, seed


def test_what_waits_when_a_run_becomes_redundant_has_races_too() -> None:
    """a took a lock and waits, c is asleep; that b could have had the lock first is seen only in what waits."""
    programs: Programs = {
        "a": (Op("read", "x"), Op("lock", "n"), Op("lock", "m"), Op("unlock", "m"), Op("unlock", "n")),
        "b": (
            *(Op("lock", "n"), Op("trylock", "m")),
            If(odd=(Op("unlock", "m"),), even=(Op("read", "x"),)),
            Op("unlock", "n"),
        ),
        "c": (Op("lock", "m"), Op("lock", "n"), Op("set", "x"), Op("unlock", "n"), Op("unlock", "m")),
    }
    truth = brute_force(programs)
    assert truth is not None
    assert set(explore(programs, Explorer()).forms) == set(truth.classes)


def test_under_a_bound_a_release_does_not_hide_the_acquisition_before_it() -> None:
    """All of a between b's writes takes one preemption; what shows it is a race with b's lock, not with its unlock."""
    programs: Programs = {
        "a": (Op("share", "n"), Op("set", "y"), Op("unlock", "n")),
        "b": (Op("set", "y"), Op("write", "y"), Op("lock", "n"), Op("unlock", "n"), Op("write", "x")),
    }
    truth = brute_force(programs)
    assert truth is not None
    within = {form for form, least in truth.classes.items() if least <= 1}
    assert set(explore(programs, Explorer(preemptions=1)).forms) == within


def long_program(name: str) -> tuple[Op, ...]:
    """25 points, of which 5 concern others."""
    reads = {5: Op("read", "config"), 20: Op("read", "config")}
    shared = {**reads, 8: Op("lock", "m"), 12: Op("unlock", "m"), 15: Op("set", "config")}
    return tuple(shared.get(i, Op("write", f"{name}-{i}")) for i in range(25))


def test_two_long_programs_with_few_conflicts_need_few_runs() -> None:
    """126 million million interleavings, without the lock; the classes are those of what concerns others."""
    explorer = Explorer()
    explore({name: long_program(name) for name in "ab"}, explorer)
    short = {name: tuple(op for op in long_program(name) if op.object in ("config", "m")) for name in "ab"}
    truth = brute_force(short)
    assert truth is not None
    assert explorer.certificate().executions == len(truth.classes) == explorer.certificate().classes


def test_an_exploration_repeats(cases: list[Case]) -> None:
    for _, programs, _ in cases[:60]:
        assert explore(programs, Explorer()).traces == explore(programs, Explorer()).traces


# Bounds, cut runs and divergence: what takes "exhaustive" away.


def test_a_limit_on_executions_is_said() -> None:
    explorer = Explorer(limit=2)
    explore(LOST_UPDATE, explorer)
    certificate = explorer.certificate()
    assert (certificate.executions, certificate.limit, certificate.coverage) == (2, 2, Coverage.PARTIAL)
    assert certificate.verdict is Verdict.UNKNOWN
    assert "The bound of 2 executions was reached" in str(certificate)


def test_a_limit_that_was_enough_takes_nothing_away() -> None:
    explorer = Explorer(limit=4)
    explore(LOST_UPDATE, explorer)
    assert explorer.certificate().coverage is Coverage.EXHAUSTIVE


def test_runs_that_were_cut_off_are_no_classes() -> None:
    explorer = Explorer()
    explore(LOST_UPDATE, explorer, limit=3)
    certificate = explorer.certificate()
    assert (certificate.classes, certificate.coverage) == (0, Coverage.PARTIAL)
    assert certificate.cut_off == certificate.executions > 0


def fickle(explorer: Explorer, other: Programs, every: int) -> Certificate:
    """A target that is another program at each so many-th run."""
    run = 0
    while (strategy := explorer.next()) is not None:
        run += 1
        try:
            ran = simulate(other if run % every == 0 else LOST_UPDATE, strategy)
        except Diverged:
            explorer.diverged()
        else:
            explorer.executed(ran.trace, waiting=ran.waiting, verdict=Verdict.CONFORMS)
    return explorer.certificate()


OTHER: Programs = dict.fromkeys("ab", (Op("write", "y"),))


def test_a_prefix_that_is_not_followed_is_tried_again() -> None:
    certificate = fickle(Explorer(), OTHER, every=2)
    assert (certificate.diverged, certificate.classes) == (0, 4)
    assert certificate.executions > 4


def test_a_prefix_that_is_never_followed_ends_completeness() -> None:
    certificate = fickle(Explorer(patience=0), OTHER, every=2)
    assert certificate.diverged > 0
    assert certificate.coverage is Coverage.PARTIAL
    assert "not followed again by the programs" in str(certificate)


def test_another_point_beside_the_forced_one_is_a_divergence() -> None:
    certificate = fickle(Explorer(patience=0), {**LOST_UPDATE, "c": (Op("write", "y"),)}, every=2)
    assert certificate.diverged > 0


def test_diverged_says_where_and_what() -> None:
    strategy = Guided(simulate(LOST_UPDATE, Guided()).trace.points)
    with pytest.raises(Diverged, match=r"step 0: a\.0: read x was to go.* a\.0: write y; b\.0: write y"):
        simulate(OTHER, strategy)


def test_next_and_its_outcome_go_by_turns() -> None:
    explorer = Explorer()
    with pytest.raises(RuntimeError, match="call next first"):
        explorer.executed(Trace(()))
    explorer.next()
    with pytest.raises(RuntimeError, match="what came of the last run"):
        explorer.next()


# Clocks.


def at(actor: str, index: int, *touches: str) -> Point:
    """ "x" is read and "x!" changed."""
    found = tuple(Touch(touch.rstrip("!"), touch.endswith("!")) for touch in touches)
    return Point(actor=actor, index=index, call="touch", touches=found)


def counts(*points: Point) -> list[Mapping[str, int]]:
    return [event.clock.counts for event in clocks(points)]


def test_clock_of_one_actor_counts() -> None:
    assert counts(at("a", 0), at("a", 1)) == [{"a": 1}, {"a": 2}]


def test_reads_do_not_order_each_other_and_a_write_orders_all() -> None:
    assert counts(at("a", 0, "x"), at("b", 0, "x"), at("c", 0, "x!"), at("a", 1, "x")) == [
        *({"a": 1}, {"b": 1}),
        *({"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 1, "c": 1}),
    ]


def test_order_goes_through_others() -> None:
    assert counts(at("a", 0, "x!"), at("b", 0, "x", "y!"), at("c", 0, "y")) == [
        {"a": 1},
        {"a": 1, "b": 1},
        {"a": 1, "b": 1, "c": 1},
    ]


def test_joined_keeps_the_most_of_each() -> None:
    assert Clock({"a": 2, "b": 1}).joined(Clock({"b": 3})) == Clock({"a": 2, "b": 3})


def test_clocks_are_the_closure_of_dependency() -> None:
    """Against the definition, on random runs."""
    random = Random(7)
    for _ in range(50):
        points = random_points(random)
        before = closure(points)
        events = clocks(points)
        for j, later in enumerate(events):
            assert {i for i in range(j) if later.clock.knows(events[i])} == before[j]


def random_points(random: Random) -> tuple[Point, ...]:
    actors = [random.choice("abc") for _ in range(12)]
    return tuple(at(actor, i, *random.sample(["x", "x!", "y", "y!", "z"], 2)) for i, actor in enumerate(actors))


def closure(points: tuple[Point, ...]) -> list[set[int]]:
    before: list[set[int]] = []
    for j, later in enumerate(points):
        direct = {i for i in range(j) if dependent(points[i], later)}
        before.append(direct.union(*(before[i] for i in direct)))
    return before


def test_who_let_whom_go_on_is_seen_from_who_could() -> None:
    """b waits for the lock that a drops without a touch; nobody let a go on."""
    trace = simulate({"a": (Op("lock", "m"), Op("drop", "m")), "b": (Op("lock", "m"),)}, Guided()).trace
    assert [str(step.chosen) for step in trace.steps] == ["a.0: lock lock:m", "a.1: drop", "b.0: lock lock:m"]
    assert enablers(trace.steps) == (None, None, 1)


def test_a_class_is_named_alike_whatever_the_temporary_names() -> None:
    one, other = (at("a", 0, f"openclaw.json.{pid}.tmp!") for pid in (41234, 41299))
    assert class_of([one]) == class_of([other])
    assert class_of([at("a", 0, "x!"), at("b", 0, "x!")]) != class_of([at("b", 0, "x!"), at("a", 0, "x!")])
    assert class_of([at("a", 0, "x!"), at("b", 0, "y!")]) == class_of([at("b", 0, "y!"), at("a", 0, "x!")])


def test_who_is_concerned_wakes_up_and_who_cannot_go_is_not_asleep() -> None:
    enabled = [at("a", 0, "x"), at("b", 0, "y"), at("c", 0, "z")]
    assert drowsy(["a", "b", "d"], at("e", 0, "x!"), enabled, Effects()) == {"b"}


# The certificate as a text.


def test_exhaustive_certificate() -> None:
    certificate = Certificate(
        actors={"add-lane0": 23, "add-lane1": 23}, executions=15, classes=14, blocked=1, verdicts={Verdict.CONFORMS: 14}
    )
    assert str(certificate).startswith(
        "Exhaustive: 14 of 14 classes of schedules of 2 actors with 23 points each were run; none violated a rule. "
        "It took 15 executions (1 broken off as redundant). Dependency: "
    )
    assert "It does not cover what programs do between their points" in str(certificate)
    assert certificate.verdict is Verdict.CONFORMS


def test_bounded_certificate_says_what_it_gives_up() -> None:
    certificate = Certificate(actors={"a": 4, "b": 7}, executions=9, classes=5, repeated=4, preemptions=1)
    assert "Bounded: all schedules with at most 1 preemption are covered, 5 classes" in str(certificate)
    assert "a with up to 4, b with up to 7 points" in str(certificate)
    assert "It does not cover schedules with more than 1 preemption;" in str(certificate)
    assert "none was judged" in str(certificate)
    assert certificate.verdict is Verdict.UNKNOWN


def test_a_violation_stands_however_little_was_run() -> None:
    certificate = Certificate(
        actors={"a": 1}, executions=2, classes=2, open=1, verdicts={Verdict.VIOLATED: 1, Verdict.CONFORMS: 1}
    )
    assert certificate.verdict is Verdict.VIOLATED
    assert "1 VIOLATED." in str(certificate)
    assert str(certificate).startswith("Not exhaustive: 2 classes of schedules of 1 actor with 1 point were run;")
