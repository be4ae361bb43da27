"""Preemption bounding: each schedule once, fewest preemptions first, and it is said what is complete."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from harness.schedules.decisions import Decisions, Follow
from harness.schedules.points import Point
from harness.schedules.strategies.bounded import Bounded, explore
from harness.schedules.strategy import Choice
from harness.schedules.trace import Trace
from tests.harness.schedules.programs import drawn, lost, ops, order
from tests.harness.schedules.simulated import Programs, simulate


def traces(programs: Programs, bounded: Bounded, limit: int | None = None) -> list[Trace]:
    return list(explore(bounded, lambda decisions: simulate(programs, Follow(decisions)).trace, limit))


def all_orders(programs: Programs, chosen: str = "") -> set[str]:
    """Every order of the actors there is, by going through the tree of choices."""

    class Along:
        def choose(self, choice: Choice) -> Point:
            wanted = chosen[choice.step] if choice.step < len(chosen) else choice.enabled[0].actor
            return next(point for point in choice.enabled if point.actor == wanted)

    trace = simulate(programs, Along()).trace
    found = {order(trace.points)}
    for place in range(len(chosen), len(trace.steps)):
        step = trace.steps[place]
        for other in step.enabled:
            if other != step.chosen:
                found |= all_orders(programs, order(trace.points[:place]) + other.actor)
    return found


def test_every_schedule_comes_once() -> None:
    bounded = Bounded()
    found = traces({"a": ops("rx sx ry"), "b": ops("rx sx ry"), "c": ops("rx")}, bounded)
    assert len(found) == len(set(map(str, found))) == math.factorial(7) // math.factorial(3) ** 2
    assert bounded.propose() is None


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_left_out_of_programs_with_locks(seed: int) -> None:
    programs = {name[1:]: body for name, body in drawn(random.Random(seed), length=3).items()}
    found = [order(trace.points) for trace in traces(programs, Bounded())]
    assert sorted(found) == sorted(all_orders(programs))


def test_fewest_preemptions_come_first() -> None:
    bounded = Bounded()
    counts = [trace.preemptions() for trace in traces({"a": ops("rx sx ry"), "b": ops("rx sx ry")}, bounded)]
    assert counts == sorted(counts)
    assert Counter(counts) == {0: 2, 1: 4, 2: 8, 3: 4, 4: 2}, "as counted by hand from the ways to cut three points"


def test_what_is_complete() -> None:
    programs = {"a": ops("rx sx ry"), "b": ops("rx sx ry")}
    bounded = Bounded(most=1)
    assert bounded.complete == -1
    found = traces(programs, bounded, limit=3)
    assert bounded.complete == 0
    found += traces(programs, bounded)
    assert bounded.complete == 1
    assert len(found) == 6
    assert max(trace.preemptions() for trace in found) == 1


def test_a_program_that_changes_makes_nothing_complete() -> None:
    programs = {"a": ops("rx sx"), "b": ops("rx sx")}
    bounded = Bounded()
    bounded.propose()
    bounded.learn(simulate(programs, Follow(Decisions.parse("a.1>b"))).trace)
    assert (bounded.unexpected, bounded.complete) == (1, -1)


def test_faults_are_kept() -> None:
    bounded = Bounded(start=Decisions.parse("c!absent;a.1>b;a.1!EIO"))
    assert str(bounded.propose()) == "c!absent;a.1!EIO"


def test_a_lost_update_needs_one_preemption() -> None:
    programs = {"a": ops("rx sx"), "b": ops("rx sx")}
    bounded = Bounded()
    found = explore(bounded, lambda decisions: simulate(programs, Follow(decisions)).trace)
    first = next(trace for trace in found if _loses(programs, trace))
    assert first.preemptions() == bounded.bound == 1


def _loses(programs: Programs, trace: Trace) -> bool:
    return lost(simulate(programs, Follow(Decisions.from_trace(trace))))
