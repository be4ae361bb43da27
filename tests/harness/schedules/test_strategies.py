"""Strategies: what each promises, with fixed seeds and exact counts, so that a change of any draw is seen."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.schedules.decisions import STALL, STOP, Decisions, Follow
from harness.schedules.points import Point, Touch
from harness.schedules.strategies import portfolio, random_walk
from harness.schedules.strategies.bounded import Bounded, explore
from harness.schedules.strategies.pct import PCT
from harness.schedules.strategies.registry import STRATEGIES, Registry
from harness.schedules.strategies.spins import LIMIT, POLLS
from harness.schedules.strategy import Choice, Profile, Stopping, Strategy
from harness.schedules.trace import Step, Trace
from tests.harness.schedules.programs import alone, classes, drawn, lost, ops, order, rare_update, shallow_update
from tests.harness.schedules.simulated import Programs, Ran, simulate
from tests.harness.schedules.test_reorder import run

NAMES = STRATEGIES.names
SMALL: dict[str, Programs] = {
    "a lost update": {"a": ops("rx sx"), "b": ops("rx sx")},
    "two locks": {"a": ops("lm sx um ry"), "b": ops("ln sy un lm rx um")},
    "three actors": {"a": ops("rx sx"), "b": ops("wy rx"), "c": ops("sx ry")},
    "private points between": {"a": alone("a", 3) + ops("rx") + alone("c", 2) + ops("sx"), "b": ops("rx sx")},
}


def campaign(name: str, programs: Programs, runs: int) -> Iterator[Ran]:
    """Runs of one strategy that learns from each."""
    profile = Profile()
    for number in range(runs):
        ran = simulate(programs, portfolio.make(name, number, 1, profile))
        profile = profile.after(ran.trace)
        yield ran


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_determines_the_schedule(name: str) -> None:
    programs = shallow_update()
    profile = Profile().after(simulate(programs, random_walk.make(random.Random(1), Profile())).trace)
    traces = [simulate(programs, portfolio.make(name, 1, seed, profile)).trace for seed in (1, 1, 2, 3, 4)]
    assert traces[0] == traces[1]
    assert len({order(trace.points) for trace in traces}) > 1


@given(st.sampled_from(NAMES), st.integers(0, 9), st.randoms(use_true_random=False), st.booleans())
def test_only_enabled_points_are_chosen(name: str, number: int, chance: random.Random, knows: bool) -> None:
    """`simulate` refuses any other; the programs have locks, so that not every actor is always enabled."""
    programs = drawn(chance, actors=4, length=8)
    profile = Profile(points={"a0": 3, "a1": 1}, contended=5, shared=frozenset("x")) if knows else Profile()
    simulate(programs, portfolio.make(name, number, 1, profile))


@pytest.mark.parametrize("programs", SMALL)
@pytest.mark.parametrize("name", NAMES)
def test_every_class_of_small_programs_is_reached(name: str, programs: str) -> None:
    found = explore(Bounded(), lambda decisions: run(SMALL[programs], decisions))
    wanted = {classes(trace) for trace in found}
    reached = set()
    for ran in campaign(name, SMALL[programs], 400):
        reached.add(classes(ran.trace))
        if reached == wanted:
            break
    assert reached == wanted
    assert len(wanted) > 2


def test_the_rare_lost_update() -> None:
    """Two actors of 34 points, each with a window of two steps, one early and one late; hits of 600 runs.

    | strategy    | rare | shallow |
    |-------------|------|---------|
    | POS         |  137 |     248 |
    | PCT         |   13 |     202 |
    | URW         |    0 |     600 |
    | random walk |    0 |     591 |
    | reversal    |  155 |     252 |

    POS without what it learns about shared objects has 12 and 326. The shallow one has its window in the middle of both
    actors, ten points wide: there a plain random walk is best, which is why the portfolio has one.
    Here 100 runs each are repeated.
    """
    rare = {name: sum(map(lost, campaign(name, rare_update(), 100))) for name in NAMES}
    assert rare == {"pos": 19, "pct": 4, "urw": 0, "random-walk": 0, "reversal": 33}


def reads_early(trace: Trace) -> bool:
    """Depth 1: b's first point comes before a's last."""
    went = order(trace.points)
    return went.index("b") < went.rindex("a")


def between(trace: Trace) -> bool:
    """Depth 2: all of b comes between two neighbouring points of a."""
    return "a" * 3 + "b" * 6 + "a" * 3 in order(trace.points)


def torn(trace: Trace) -> bool:
    """Depth 3: a's two reads come one on each side of b's second change, and b's first comes before both."""
    went = [str(point) for point in trace.points]
    places = [went.index(name) for name in ("b.1: set x", "a.2: read x", "b.4: set x", "a.4: read x")]
    return places == sorted(places)


PLAIN: Programs = {"a": ops("ra ra ra ra ra ra"), "b": ops("rb rb rb rb rb rb")}
TORN: Programs = {"a": ops("ra ra rx ra rx ra"), "b": ops("rb sx rb rb sx rb")}


@pytest.mark.parametrize(
    ("depth", "programs", "bug", "hits"), [(1, PLAIN, reads_early, 523), (2, PLAIN, between, 49), (3, TORN, torn, 32)]
)
def test_the_bound_of_pct(depth: int, programs: Programs, bug: Callable[[Trace], bool], hits: int) -> None:
    """A bug of depth d is found with probability at least 1/(n·k^(d-1)); of `between` exactly, so with some luck."""
    runs = 1000
    traces = [simulate(programs, PCT(random.Random(seed), depth=depth, steps=11)).trace for seed in range(runs)]
    steps = max(sum(step.contended for step in trace.steps) for trace in traces)
    assert steps <= 11
    assert sum(map(bug, traces)) == hits
    expected = runs / (2 * 11 ** (depth - 1))
    assert hits >= expected - 2 * math.sqrt(expected)


def test_pct_counts_contended_steps_only() -> None:
    """a is alone for 50 points; with one change point among the few later steps each of these is hit."""
    programs = {"a": ops("lm") + alone("a", 50) + ops("um rx sx"), "b": ops("lm rx sx um")}
    profile = Profile().after(simulate(programs, random_walk.make(random.Random(1), Profile())).trace)
    assert profile.contended < 8
    found = Counter(order(simulate(programs, PCT(random.Random(n), depth=2, steps=5)).trace.points) for n in range(200))
    assert len(found) >= 4


def spin(strategy: Strategy, *, waits_for: int) -> int:
    """How many steps it takes until b has gone `waits_for` times, while a repeats one call."""
    counts, last = {"a": 0, "b": 0}, None
    while counts["b"] < waits_for:
        enabled = tuple(
            Point(actor=actor, index=counts[actor], call="open", touches=(Touch(name, True),))
            for actor, name in (("a", "lane.lock"), ("b", f"b/{counts['b']}"))
        )
        last = strategy.choose(Choice(step=sum(counts.values()), enabled=enabled, last=last))
        counts[last.actor] += 1
        assert sum(counts.values()) < 100 * waits_for, "b starves"
    return sum(counts.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_spinning_actor_does_not_starve_the_others(name: str) -> None:
    for number in range(40):
        steps = spin(portfolio.make(name, number, 1, Profile(points={"a": 10**6, "b": 1})), waits_for=60)
        assert steps <= 60 * 3 + LIMIT


@pytest.mark.parametrize("name", NAMES)
def test_who_asks_in_two_ways_each_time_by_a_new_process_does_not_starve_the_others(name: str) -> None:
    """As a shell does: `until test -e go || test -e stop; do sleep 1; done`."""
    for number in range(20):
        strategy, last, counts = portfolio.make(name, number, 1, Profile()), None, Counter[str]()
        while counts["b"] < 30:
            asks = Touch(("go", "stop")[counts["a"] % 2], False)
            enabled = (
                Point(actor=f"a/{counts['a']}", index=0, call="stat", touches=(asks,)),
                Point(actor="b", index=counts["b"], call="open", touches=(Touch(f"b/{counts['b']}", True),)),
            )
            last = strategy.choose(Choice(step=sum(counts.values()), enabled=enabled, last=last))
            counts[last.actor[0]] += 1
            assert sum(counts.values()) < 3_000, "b starves"


def sibling(strategy: Strategy, *, others: int) -> int:
    """How many steps a takes until its child a/1 has gone ten times, while it repeats one call; b has only so many."""
    counts, last, step = Counter[str](), None, 0
    while counts["a/1"] < 10:
        enabled = [Point(actor="a", index=counts["a"], call="open", touches=(Touch("result", False),))]
        for actor, most in (("a/1", 10), ("b", others)):
            if counts[actor] < most:
                touch = Touch(f"{actor}/{counts[actor]}", True)
                enabled.append(Point(actor=actor, index=counts[actor], call="open", touches=(touch,)))
        last = strategy.choose(Choice(step=step, enabled=tuple(enabled), last=last))
        counts[last.actor] += 1
        step += 1
        assert counts["a"] < 1000, "the child starves"
    return counts["a"]


@pytest.mark.parametrize("name", NAMES)
def test_who_waits_for_a_child_of_its_own_makes_room_for_it(name: str) -> None:
    """`until cat result; do sleep 0.01; done`, in the program that has started what writes the result."""
    for number in range(40):
        assert sibling(portfolio.make(name, number, 1, Profile()), others=20) <= 5 * LIMIT


def test_decisions_make_room_for_a_child_of_ones_own() -> None:
    assert sibling(Follow(Decisions()), others=0) <= POLLS + 10


@pytest.mark.parametrize("name", NAMES)
def test_two_spinning_actors_take_turns(name: str) -> None:
    strategy, last, counts = portfolio.make(name, 0, 1, Profile()), None, Counter[str]()
    for step in range(20 * LIMIT):
        enabled = tuple(
            Point(actor=actor, index=counts[actor], call="open", touches=(Touch("lane.lock", True),)) for actor in "ab"
        )
        last = strategy.choose(Choice(step=step, enabled=enabled, last=last))
        counts[last.actor] += 1
    assert min(counts.values()) > 4 * LIMIT


def test_what_is_learned() -> None:
    programs = {"a": ops("rx ry wz"), "b": ops("lm um rx wy")}
    trace = simulate(programs, random_walk.make(random.Random(1), Profile())).trace
    profile = Profile(points={"a": 1, "c": 7}, contended=2, shared=frozenset("w")).after(trace)
    assert profile.points == {"a": 3, "b": 4, "c": 7}
    assert profile.contended == sum(step.contended for step in trace.steps)
    assert profile.shared == {"w", "y"}


def test_an_object_is_shared_under_its_lasting_name() -> None:
    """One run's "x.1234.tmp" is another's "x.987.tmp"; but two temporary files of one run are two objects."""
    points = [
        Point(actor=actor, index=0, call="open", touches=(Touch(name, True),))
        for actor, name in (("a", "x.1234.tmp"), ("b", "x.1234.tmp"), ("c", "y.1234.tmp"), ("d", "y.987.tmp"))
    ]
    profile = Profile().after(Trace(tuple(Step(enabled=(point,), chosen=point) for point in points)))
    assert profile.shared == {"x.*.tmp"}
    assert profile.shares(Point(actor="e", index=5, call="open", touches=(Touch("x.555.tmp", False),)))


def test_the_portfolio_has_fixed_shares() -> None:
    picked = [portfolio.pick(number, 1, Profile())[0] for number in range(100)]
    assert Counter(picked) == {"pos": 50, "pct": 20, "urw": 20, "random-walk": 10}
    assert picked[0] == "pos"


def test_in_every_fourth_run_somebody_may_be_stopped_once() -> None:
    strategies = [portfolio.pick(number, 1, Profile())[1] for number in range(400)]
    stopping = [strategy for strategy in strategies if isinstance(strategy, Stopping)]
    assert len(stopping) == 100
    drawn = ["".join(strategy.stops() for _ in range(30)) for strategy in stopping]
    assert Counter(drawn) == {STOP: 75, STALL: 25}
    assert drawn[:4] == [STOP, STOP, STOP, STALL]  # a campaign of the usual length has no long one


def test_the_portfolio_goes_through_the_depths_of_pct() -> None:
    strategies = [portfolio.pick(number, 1, Profile())[1] for number in range(40)]
    depths = [strategy._depth for strategy in strategies if isinstance(strategy, PCT)]
    assert depths == [1, 2, 3, 4, 1, 2, 3, 4]


def test_a_name_means_one_strategy() -> None:
    with pytest.raises(UsageError, match="there is a strategy 'pos' already"):
        STRATEGIES.add("pos", random_walk.make)
    with pytest.raises(UsageError, match="there is no strategy 'poss'") as raised:
        STRATEGIES.find("poss")
    assert raised.value.hint == "strategies: pos, pct, urw, random-walk, reversal"
    mine = Registry({})
    mine.add("mine", random_walk.make)
    assert mine.names == ("mine",)


@pytest.mark.parametrize(("number", "first"), [(0, True), (1, True), (2, False)])
def test_every_third_run_of_pos_trusts_no_point_to_be_nobody_elses(number: int, first: bool) -> None:
    """What somebody else asks for by a call that is not stopped looks private; its order must be drawn all the same."""
    programs: Programs = {"a": ops("sx sy"), "b": ops("rx rx")}
    went = set()
    for seed in range(40):
        trace = simulate(programs, portfolio.make("pos", number, seed, Profile(shared=frozenset({"x"})))).trace
        names = [str(point) for point in trace.points]
        went.add(names.index("a.1: set y") == names.index("a.0: set x") + 1)
    assert (went == {True}) is first
