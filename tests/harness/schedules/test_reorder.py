"""Other orders: they mean the same, cost less, and lead where they say."""

from __future__ import annotations

import random

import pytest

from harness.schedules.decisions import Decisions, Follow
from harness.schedules.points import Point, Touch
from harness.schedules.reorder import Reorder
from harness.schedules.strategies.bounded import Bounded, explore
from harness.schedules.trace import Step, Trace
from tests.harness.schedules.programs import alone, classes, drawn, ops, order
from tests.harness.schedules.simulated import Programs, simulate
from tests.harness.schedules.test_decisions import walked

SEEDS = range(0, 200, 4)


def run(programs: Programs, decisions: Decisions) -> Trace:
    return simulate(programs, Follow(decisions)).trace


@pytest.mark.parametrize("seed", SEEDS)
def test_the_traces_own_order_gives_its_own_decisions(seed: int) -> None:
    trace = walked(drawn(random.Random(seed), length=8), seed).trace
    reorder = Reorder(trace)
    assert reorder.switches(reorder.points) == Decisions.from_trace(trace).switches


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tidied_run_means_the_same_and_costs_no_more(seed: int) -> None:
    programs = drawn(random.Random(seed), length=8)
    ran = walked(programs, seed)
    if ran.stuck:
        return
    switches = Reorder(ran.trace).tidied()
    tidy = run(programs, Decisions(switches))
    assert classes(tidy) == classes(ran.trace)
    assert Decisions.from_trace(tidy).switches == switches
    assert tidy.preemptions() <= ran.trace.preemptions()


@pytest.mark.parametrize("seed", range(12))
def test_no_order_that_means_the_same_has_fewer_preemptions(seed: int) -> None:
    programs = drawn(random.Random(seed), length=4)
    ran = walked(programs, seed)
    if ran.stuck:
        return
    tidy = run(programs, Decisions(Reorder(ran.trace).tidied()))
    found = explore(Bounded(), lambda decisions: run(programs, decisions), 3000)
    assert tidy.preemptions() == min(t.preemptions() for t in found if classes(t) == classes(ran.trace))


def test_many_switches_become_one() -> None:
    programs = {"a": alone("a", 20) + ops("rx sx"), "b": alone("b", 20) + ops("rx sx")}
    back_and_forth = walked(programs, 3).trace
    assert back_and_forth.preemptions() > 10
    assert len(Reorder(back_and_forth).tidied()) <= 2


@pytest.mark.parametrize("seed", SEEDS)
def test_orders_mean_the_same_exactly_if_they_are_of_one_class(seed: int) -> None:
    programs = drawn(random.Random(seed), length=3)
    traces = [walked(programs, number).trace for number in range(4)]
    meaning = Reorder(traces[0]).meaning
    for one in traces:
        for other in traces:
            assert (meaning(one.points) == meaning(other.points)) == (classes(one) == classes(other))


def test_two_stretches_of_one_actor_become_one_in_the_place_of_either() -> None:
    points = [Point(actor=actor, index=index, call="c", touches=()) for actor, index in (("a", 0), ("b", 0), ("a", 1))]
    trace = Trace(tuple(Step(enabled=(point,), chosen=point) for point in points))
    found = ["".join(point.actor for point in order) for order in Reorder(trace).joined()]
    assert found == ["baa", "aab"]


def test_races_of_a_lost_update() -> None:
    programs = {"a": ops("rx sx"), "b": ops("rx sx")}
    reorder = Reorder(run(programs, Decisions.parse("a.1>b")))
    races = [(str(race.first), str(race.second), order(race.turned)) for race in reorder.reversals()]
    assert races == [
        ("b.1: set x", "a.1: set x", "abab"),
        ("a.0: read x", "b.1: set x", "bbaa"),
    ]


def test_who_comes_first_at_a_lock_can_be_turned_round() -> None:
    programs = {"a": ops("lm sx um"), "b": ops("lm sx um")}
    races = list(Reorder(run(programs, Decisions())).reversals())
    assert [(str(race.first), str(race.second)) for race in races] == [("a.0: lock lock:m", "b.0: lock lock:m")]
    assert order(races[0].turned) == "bbbaaa"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_turned_race_is_another_class_and_can_be_run(seed: int) -> None:
    programs = drawn(random.Random(seed), length=6)
    ran = walked(programs, seed)
    if ran.stuck:
        return
    reorder = Reorder(ran.trace)
    for race in reorder.reversals():
        assert reorder.meaning(race.kept) == reorder.meaning(ran.trace.points)
        turned = run(programs, Decisions(reorder.switches(race.turned)))
        pair = [str(point) for point in turned.points if str(point) in (str(race.first), str(race.second))]
        assert pair[0] == str(race.second), "the first can be missing, where the other order ends in a deadlock"


def test_orders_without_preemptions() -> None:
    programs = {"a": ops("rx sx"), "b": ops("rx sx"), "c": ops("rx sx")}
    reorder = Reorder(run(programs, Decisions()))
    found = [order(points) for points in reorder.bounded(0)]
    assert found == ["aabbcc", "aaccbb", "bbaacc", "bbccaa", "ccaabb", "ccbbaa"]
    assert all(run(programs, Decisions(reorder.switches(points))).preemptions() == 1 for points in reorder.bounded(1))


def test_an_actor_can_be_left_out() -> None:
    programs = {"a": ops("rx sx"), "b": ops("rx sx"), "c": ops("rx sx")}
    trace = run(programs, Decisions.parse("a.1>b;b.1>c;a.1>b"))
    left = Reorder(trace, without=["c"])
    assert "c" not in order(left.points)
    assert not {switch.other for switch in left.switches(left.points)} & {"c"}


def _flocks(*actors: str) -> Trace:
    """Each actor in turn asks for one lock; at the end all end, and touch nothing."""
    calls = [(actor, 0, (Touch("lock:m", True),)) for actor in actors] + [(actor, 1, ()) for actor in actors]
    points = [Point(actor=actor, index=index, call="flock", touches=touches) for actor, index, touches in calls]
    nexts = [{point.actor: point for point in reversed(points[place:])} for place in range(len(points))]
    steps = zip(nexts, points, strict=True)
    return Trace(tuple(Step(enabled=tuple(enabled.values()), chosen=point) for enabled, point in steps))


def test_a_lock_that_was_only_tried_keeps_nobody_out() -> None:
    """Codex tries the lock of every other's folder, to see which of them are in use."""
    reorder = Reorder(_flocks("a", "b"))
    assert reorder.possible(reorder.points) == reorder.points
    assert str(reorder.points[1]) == "b.0: flock lock:m"
