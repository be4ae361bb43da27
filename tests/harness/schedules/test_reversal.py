"""Races of earlier runs, reversed: where a run is left, who goes instead, and how soon all classes have been met."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest

from harness.schedules import frontier
from harness.schedules.clocks import class_of
from harness.schedules.dpor import Explorer
from harness.schedules.frontier import Frontier
from harness.schedules.points import Point
from harness.schedules.strategies import portfolio, reversal
from harness.schedules.strategy import Choice, Profile
from harness.schedules.trace import Trace
from tests.harness.schedules.programs import drawn, ops, order
from tests.harness.schedules.simulated import Op, Programs, point, simulate

UPDATES: Programs = {"a": ops("rx sx"), "b": ops("rx sx")}


def all_classes(programs: Programs) -> set[bytes]:
    """By an exploration that is proven to be complete (test_dpor.py)."""
    explorer, found = Explorer(), set()
    while (strategy := explorer.next()) is not None:
        ran = simulate(programs, strategy)
        explorer.executed(ran.trace, waiting=ran.waiting)
        if strategy.redundant_from is None:
            found.add(class_of(ran.trace.points))
    return found


def in_order(programs: Programs, actors: str) -> Trace:
    """The run in which they go in this order."""
    return simulate(programs, Scripted(actors)).trace


class Scripted:
    def __init__(self, actors: str) -> None:
        self._actors = actors

    def choose(self, choice: Choice) -> Point:
        return next(point for point in choice.enabled if point.actor == self._actors[choice.step])


def knowing(*traces: Trace) -> Profile:
    profile = Profile()
    for trace in traces:
        profile = profile.after(trace)
    return profile


def test_most_classes_are_met_in_little_more_runs_than_there_are() -> None:
    """120 random programs of three actors, without two that wait for each other: their other orders are in no trace.

    Partial-order sampling needs about four runs for each class of these. Not all are met, as a beginning counts as met
    in whatever order a run had it: certificates are the explorer's, which leaves none out.
    """
    runs = met = wanted = 0
    for programs in islice(without_deadlocks(), 120):
        classes, seen, profile = all_classes(programs), set[bytes](), Profile()
        while seen != classes and (not profile.frontier.runs or profile.frontier.draw(random.Random(1))):
            trace = simulate(programs, reversal.make(random.Random(runs), profile, runs)).trace
            profile, runs = profile.after(trace), runs + 1
            seen.add(class_of(trace.points))
        met, wanted = met + len(seen & classes), wanted + len(classes)
    assert wanted == 1813
    assert met >= 0.98 * wanted
    assert runs < 1.2 * wanted


def without_deadlocks() -> Iterator[Programs]:
    for seed in range(1000):
        programs = drawn(random.Random(seed), actors=3, length=4)
        explorer, stuck = Explorer(), False
        while (strategy := explorer.next()) is not None:
            ran = simulate(programs, strategy)
            explorer.executed(ran.trace, waiting=ran.waiting)
            stuck |= ran.stuck
        if not stuck:
            yield programs


def test_a_run_is_followed_and_left_where_another_can_come_first() -> None:
    profile = knowing(in_order(UPDATES, "aabb"))
    found = profile.frontier.draw(random.Random(1))
    assert found is not None
    assert (found.at, str(found.first)) == (1, "b.0: read x")
    assert found.kind == "a set x; b read x"
    went = simulate(UPDATES, reversal.make(random.Random(1), profile)).trace
    assert order(went.points).startswith("ab")


def test_who_would_make_it_the_same_run_again_sleeps_until_it_matters() -> None:
    """b goes instead of a's change of x; a's is let go only when b has changed x itself."""
    programs: Programs = {"a": ops("wx"), "b": ops("ry wz wx")}
    profile = knowing(in_order(programs, "abbb"))
    went = {order(simulate(programs, reversal.make(random.Random(n), profile)).trace.points) for n in range(20)}
    assert went == {"bbba"}


@pytest.mark.parametrize("others", ["b", "bc"])
def test_nobody_sleeps_through_a_loop(others: str) -> None:
    """In the run that is known they ask once and go on; now they ask for ever, in turns, and no touch will wake a."""
    profile = knowing(in_order({"a": ops("wx"), **{name: ops("ry wx") for name in others}}, f"a{others * 2}"))
    profile = replace(profile, shared=frozenset({"x", "y"}))
    strategy = reversal.make(random.Random(1), profile)
    waits = point("a", 0, Op("write", "x"))
    went: list[Point] = []
    while not went or (went[-1].actor != "a" and len(went) < 500):
        asks = (point(name, sum(p.actor == name for p in went), Op("read", "y")) for name in others)
        last = went[-1] if went else None
        went.append(strategy.choose(Choice(step=len(went), enabled=(waits, *asks), last=last)))
    assert 1 < len(went) < 100


def test_what_was_tried_is_not_tried_again() -> None:
    programs: Programs = {"a": ops("sx sx sx"), "b": ops("sx sy"), "c": ops("ry")}
    profile, seen = Profile(), set[bytes]()
    while not profile.frontier.runs or profile.frontier.draw(random.Random(1)):
        trace = simulate(programs, reversal.make(random.Random(1), profile)).trace
        profile = profile.after(trace)
        seen.add(class_of(trace.points))
    assert len(seen) == len(all_classes(programs)) == 8
    assert profile.frontier.runs <= 10


def test_rare_kinds_come_first() -> None:
    """Nine ways to turn a's changes of x and b's, and one to turn what c reads of y: it is the second, or the first."""
    programs: Programs = {"a": ops("sx sx sx"), "b": ops("sx sx sx sy"), "c": ops("ry")}
    for seed in range(20):
        profile = knowing(in_order(programs, "aaabbbbc"))
        kinds = []
        for _ in range(2):
            reversed_ = profile.frontier.draw(random.Random(seed))
            assert reversed_ is not None
            kinds.append(reversed_.kind)
            profile = profile.after(simulate(programs, reversal.make(random.Random(seed), profile)).trace)
        assert len(set(kinds)) == 2


def test_the_same_is_drawn_until_a_run_is_added() -> None:
    """A run that was disturbed is repeated with the same plan."""
    known = Frontier()
    for trace in (in_order(UPDATES, "aabb"), in_order(UPDATES, "bbaa")):
        known.add(trace)
    assert known.draw(random.Random(1)) == known.draw(random.Random(1)) is not None


def test_a_run_that_cannot_be_followed_is_left_to_sampling() -> None:
    """The program has become another one: nothing is forced, nobody sleeps, and it ends."""
    profile = knowing(in_order(UPDATES, "aabb"))
    other: Programs = {"a": ops("ry rx sx"), "b": ops("rx sx")}
    went = {order(simulate(other, reversal.make(random.Random(n), profile)).trace.points) for n in range(40)}
    assert len(went) > 4


def test_what_could_not_be_tried_is_not_asked_for_again_and_again() -> None:
    """A program that never does again what it did: each draw is another one, until none is left."""
    other: Programs = {"a": ops("wy wy wy"), "b": ops("rz")}
    profile = knowing(in_order({"a": ops("rx sx"), "b": ops("rx sx"), "c": ops("sx")}, "aabbc"))
    drawn = set()
    while found := profile.frontier.draw(random.Random(1)):
        drawn.add((found.at, str(found.first)))
        profile = profile.after(simulate(other, reversal.make(random.Random(1), profile)).trace)
        assert profile.frontier.runs <= 10
    assert len(drawn) == profile.frontier.runs - 1 > 2


def test_without_a_race_it_samples() -> None:
    programs: Programs = {"a": ops("sx"), "b": ops("sy")}
    profile = knowing(in_order(programs, "ab"))
    assert profile.frontier.draw(random.Random(1)) is None
    assert len(simulate(programs, reversal.make(random.Random(1), profile)).trace.steps) == 2


def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontier, "LIMIT", 1)
    known = Frontier()
    known.add(in_order({"a": ops("sx sx"), "b": ops("sx")}, "aab"))
    assert {str(known.draw(random.Random(n))) for n in range(20)} == {str(known.draw(random.Random(1)))}


def test_what_is_found_out_behind_a_point_is_part_of_a_beginnings_name() -> None:
    """Else a reversal would stay open for ever: what was run is not what was meant."""
    profile = knowing(
        *(hidden(in_order(UPDATES, actors)) for actors in ("aabb", "abab", "abba", "baab", "baba", "bbaa"))
    )
    assert profile.frontier.draw(random.Random(1)) is None


def hidden(trace: Trace) -> Trace:
    """The same, had each point also touched something that is seen only afterwards."""
    steps = []
    for step in trace.steps:
        behind = tuple(replace(t, object=f"content-of:{t.object}", behind=True) for t in step.chosen.touches)
        steps.append(step.having(behind))
    return Trace(tuple(steps))


def test_a_campaign_begins_with_the_others() -> None:
    programs = {"a": ops("rx sx"), "b": ops("rx sx"), "c": ops("rx sx")}
    profile, picked = Profile(), []
    for number in range(88):
        name, strategy = portfolio.pick(number, 1, profile)
        profile = profile.after(simulate(programs, strategy).trace)
        picked.append(name)
    assert "reversal" not in picked[:4]
    assert Counter(picked[8:])["reversal"] == 50
    assert {"pos", "pct", "urw", "random-walk"} <= set(picked[8:])
