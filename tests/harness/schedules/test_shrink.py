"""Shrinking: to the least there is, within the budget, and to the pair that decides.

As seen on 73 random programs of two and three actors with a result that no serial order gives: 71 have a minimum of
one preemption and 2 of two, by exhaustive search, and each was reached, in 86 replays at most, half of them in 16.

On 547 bugs that are made of 2 to 6 ordering constraints (half of them between points that race, half of them where no
point shows it): 235 preemptions at the minimum, 238 reached; two programs of the second half, with 6 constraints, have
one and two preemptions more than need be. Replays: 179 at most, half of them in 14.

A lost update among four adders of 26 to 29 points, found by a random or uniform walk with up to 92 preemptions: one
preemption and two actors in 15 to 19 replays; with no read recorded, in up to 38.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable

import pytest

from harness.schedules.decisions import Decisions, Fault, Follow
from harness.schedules.points import Point, racing
from harness.schedules.shrink import Shrunk, Unsteady, shrink, shrink_async
from harness.schedules.strategies import portfolio
from harness.schedules.strategies.bounded import Bounded, explore
from harness.schedules.strategy import Choice, Profile
from harness.schedules.trace import Step, Trace
from tests.harness.schedules import simulated
from tests.harness.schedules.programs import alone, drawn, ops
from tests.harness.schedules.simulated import Op, Programs, Ran, simulate
from tests.harness.schedules.test_decisions import walked

Oracle = Callable[[Decisions], Trace | None]


class Serial:
    """One actor after the other."""

    def __init__(self, actors: tuple[str, ...]) -> None:
        self._actors = actors

    def choose(self, choice: Choice) -> Point:
        return min(choice.enabled, key=lambda point: self._actors.index(point.actor))


def ran(programs: Programs, decisions: Decisions) -> Ran:
    present = {actor: body for actor, body in programs.items() if actor not in decisions.absent}
    return simulate(present, Follow(decisions))


def unserial(programs: Programs) -> Oracle:
    """Violates if the values at the end are those of no serial order."""
    serial = [simulate(programs, Serial(actors)).values for actors in itertools.permutations(programs)]

    def oracle(decisions: Decisions) -> Trace | None:
        found = ran(programs, decisions)
        return found.trace if not found.stuck and found.values not in serial else None

    return oracle


def loses(programs: Programs) -> Oracle:
    """Violates if fewer updates of x are there at the end than actors."""

    def oracle(decisions: Decisions) -> Trace | None:
        found = ran(programs, decisions)
        return found.trace if found.values.get("x", 0) < len(programs) - len(decisions.absent) else None

    return oracle


def adders(count: int) -> dict[str, list[Op]]:
    """Each reads x and writes it some points later, with points of its own before, between and after."""
    return {
        f"add-lane{k}": alone(f"l{k}", 10 + k) + ops("rx") + alone(f"m{k}", 5) + ops("sx") + alone(f"n{k}", 10)
        for k in range(count)
    }


def shrunk(programs: Programs, oracle: Oracle, *, strategy: str, drop: bool = False, seeds: int = 20) -> Shrunk | None:
    """The first violation that the strategy finds, shrunk."""
    for seed in range(seeds):
        trace = simulate(programs, portfolio.make(strategy, seed, 1, Profile())).trace
        if oracle(Decisions.from_trace(trace)):
            found = shrink(Decisions.from_trace(trace), oracle, droppable=lambda actor: drop)
            assert isinstance(found, Shrunk)
            return found
    return None


def least(programs: Programs, oracle: Oracle) -> int:
    """The fewest preemptions of any violating schedule, by trying all."""
    found = explore(Bounded(), lambda decisions: ran(programs, decisions).trace)
    return next(trace.preemptions() for trace in found if oracle(Decisions.from_trace(trace)))


def check_pair(found: Shrunk, oracle: Oracle) -> None:
    pair = found.neighbour
    assert pair is not None
    violating = oracle(pair.violates)
    assert violating is not None
    assert oracle(pair.passes) is None
    places = {str(point): place for place, point in enumerate(violating.points)}
    assert places[str(pair.first)] < places[str(pair.second)]


@pytest.mark.parametrize(("actors", "length", "seen"), [(3, 6, 11), (2, 10, 11)])
def test_the_exhaustive_minimum_is_reached(actors: int, length: int, seen: int) -> None:
    for seed in range(40):
        programs = drawn(random.Random(seed), actors=actors, length=length)
        oracle = unserial(programs)
        found = shrunk(programs, oracle, strategy="random-walk")
        if found is not None:
            seen -= 1
            assert found.trace.preemptions() == least(programs, oracle), seed
            assert found.replays <= 100
            check_pair(found, oracle)
    assert seen == 0


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("depth", [2, 4, 6])
def test_a_bug_of_any_depth_is_shrunk_to_1_2_of_the_minimum(depth: int, shown: bool) -> None:
    """A bug is a number of pairs of points in a certain order; `shown` if the two race, else nothing shows it."""
    reached = possible = 0
    for seed in range(12):
        programs = drawn(random.Random(seed * 7 + depth), length=6)
        first = walked(programs, seed).trace
        oracle = ordering(programs, first, depth, shown, random.Random(seed))
        found = shrink(Decisions.from_trace(first), oracle)
        assert isinstance(found, Shrunk)
        assert found.replays <= 200
        reached += found.trace.preemptions()
        possible += least(programs, oracle)
    assert possible <= reached <= 1.2 * possible


def ordering(programs: Programs, trace: Trace, depth: int, shown: bool, chance: random.Random) -> Oracle:
    """Violates if some pairs of points, or fewer if there are not so many, come in the order of the trace."""
    pairs = [
        (one, other)
        for one, other in itertools.combinations(trace.points, 2)
        if (racing(one, other) if shown else one.actor != other.actor)
    ]
    wanted = chance.sample(pairs, min(depth, len(pairs)))

    def oracle(decisions: Decisions) -> Trace | None:
        found = ran(programs, decisions).trace
        places = {point: place for place, point in enumerate(found.points)}
        holds = all(places.get(one, 10**9) < places.get(other, -1) for one, other in wanted)
        return found if holds else None

    return oracle


@pytest.mark.parametrize("strategy", ["random-walk", "pos", "pct", "urw"])
def test_of_four_adders_two_are_left_and_one_preemption(strategy: str) -> None:
    programs = adders(4)
    found = shrunk(programs, loses(programs), strategy=strategy, drop=True)
    assert found is not None
    assert found.trace.preemptions() == 1
    assert len(found.decisions.absent) == 2
    assert len(found.decisions.switches) <= 2
    assert found.replays <= 40
    check_pair(found, loses(programs))


def test_reads_that_were_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them orders are taken to mean the same that do not; then less is gained at once, and all in the end."""
    seeing = simulated.point

    def blind(actor: str, index: int, op: Op) -> Point:
        found = seeing(actor, index, op)
        return Point(actor=actor, index=index, call=op.kind, touches=() if op.kind == "read" else found.touches)

    monkeypatch.setattr(simulated, "point", blind)
    programs = adders(2)
    found = shrunk(programs, loses(programs), strategy="random-walk")
    assert found is not None
    assert found.trace.preemptions() == 1
    assert found.neighbour is not None
    check_pair(found, loses(programs))
    assert {found.neighbour.first.call, found.neighbour.second.call} == {"read", "set"}


def test_the_pair_is_the_read_and_the_write_that_it_missed() -> None:
    programs = {"a": ops("ry rx sx"), "b": ops("rz rx sx")}
    found = shrink(Decisions.parse("a.1>b;b.1>a;a.2>b"), loses(programs))
    assert isinstance(found, Shrunk)
    assert str(found.decisions) == "a.2>b"
    assert found.neighbour is not None
    assert (str(found.neighbour.first), str(found.neighbour.second)) == ("a.1: read x", "b.2: set x")


def test_faults_are_minimised_too() -> None:
    """It violates if b meets ENOSPC at its second point; the other faults and all switches are idle."""
    programs = {"a": ops("rx sx"), "b": ops("rx sx")}

    def oracle(decisions: Decisions) -> Trace | None:
        return ran(programs, decisions).trace if "b.1!ENOSPC" in str(decisions).split(";") else None

    found = shrink(Decisions.parse("a.1>b;a.0!EIO;b.1!ENOSPC;b.1>a;a.1!short"), oracle)
    assert isinstance(found, Shrunk)
    assert str(found.decisions) == "b.1!ENOSPC"
    assert found.neighbour is None


@pytest.mark.parametrize("fails_at", [0, 1, 2])
def test_what_does_not_replay_is_not_shrunk(fails_at: int) -> None:
    programs = {"a": ops("rx sx"), "b": ops("rx sx")}
    left = iter(range(9))

    def oracle(decisions: Decisions) -> Trace | None:
        return None if next(left) == fails_at else ran(programs, decisions).trace

    decisions = Decisions.parse("a.1>b")
    assert shrink(decisions, oracle) == Unsteady(decisions=decisions, violated=fails_at, replays=fails_at + 1)


def test_a_result_that_does_not_last_is_given_up() -> None:
    """A candidate that violates by luck is simpler, but what replays is what is handed back."""
    programs = {"a": ops("rx sx"), "b": ops("rx sx")}
    lucky = iter([True, False, False])

    def oracle(decisions: Decisions) -> Trace | None:
        found = loses(programs)(decisions)
        return found or (ran(programs, decisions).trace if next(lucky, False) else None)

    found = shrink(Decisions.parse("a.1>b"), oracle)
    assert isinstance(found, Shrunk)
    assert str(found.decisions) == "a.1>b"


@pytest.mark.parametrize("budget", [3, 5, 8, 20])
def test_the_budget_is_kept_and_progress_told(budget: int) -> None:
    programs = adders(3)
    count = 0

    def oracle(decisions: Decisions) -> Trace | None:
        nonlocal count
        count += 1
        return loses(programs)(decisions)

    told: list[int] = []
    decisions = Decisions.from_trace(walked(programs, 1).trace)
    found = shrink(decisions, oracle, budget=budget, progress=lambda replays, best: told.append(replays))
    assert found.replays == count <= budget
    assert told == sorted(told)


@pytest.mark.parametrize(("budget", "always", "cut_short"), [(3, False, True), (200, False, False), (200, True, False)])
def test_a_search_that_was_cut_short_is_told_from_one_that_found_no_order_that_passes(
    budget: int, always: bool, cut_short: bool
) -> None:
    programs = adders(2)
    decisions = Decisions.from_trace(walked(programs, 1).trace)
    oracle = (lambda candidate: ran(programs, candidate).trace) if always else loses(programs)
    found = shrink(decisions, oracle, budget=budget)
    assert isinstance(found, Shrunk)
    assert (found.neighbour is None, found.cut_short) == (cut_short or always, cut_short)


def test_it_is_deterministic_and_can_be_awaited() -> None:
    programs = adders(3)
    decisions = Decisions.from_trace(walked(programs, 1).trace)

    async def oracle(candidate: Decisions) -> Trace | None:
        await asyncio.sleep(0)
        return loses(programs)(candidate)

    assert asyncio.run(shrink_async(decisions, oracle)) == shrink(decisions, loses(programs))


class Paused:
    """Who is stopped waits until the others are done."""

    def __init__(self, decisions: Decisions) -> None:
        self._follow = Follow(decisions)
        self._faults = decisions.faults
        self._actor = ""
        self.steps: list[Step] = []

    def choose(self, choice: Choice) -> Point:
        enabled = tuple(point for point in choice.enabled if point.actor != self._actor) or choice.enabled
        chosen = self._follow.choose(Choice(step=choice.step, enabled=enabled, last=choice.last))
        self.steps.append(Step(enabled=enabled, chosen=chosen))
        if Fault(chosen.actor, chosen.index, "SIGSTOP") in self._faults:
            self._actor = chosen.actor
        return chosen


def loses_with_pauses(programs: Programs) -> Oracle:
    def oracle(decisions: Decisions) -> Trace | None:
        paused = Paused(decisions)
        values = simulate(programs, paused).values
        return Trace(tuple(paused.steps)) if values["x"] < len(programs) else None

    return oracle


def test_preemption_takes_the_place_of_a_pause_where_the_order_alone_decides() -> None:
    body = ops("rx sx")
    oracle = loses_with_pauses({"a": body, "b": body, "c": body})
    found = shrink(Decisions.parse("a.0!SIGSTOP"), oracle)
    assert isinstance(found, Shrunk)
    assert found.decisions.faults == ()
    assert found.trace.preemptions() == 1


def test_preemption_takes_the_place_of_a_pause_that_began_before_a_lock_was_free() -> None:
    """It is paused where it has the lock, and who waits for that gets no turn before it has let go."""
    body = ops("lm rx um lm sx um")
    oracle = loses_with_pauses({"a": body, "b": body})
    found = shrink(Decisions.parse("a.0!SIGSTOP"), oracle)
    assert isinstance(found, Shrunk)
    assert str(found.decisions) == "a.3>b"
    assert found.trace.preemptions() == 1


def test_pause_stays_where_nobody_would_give_up_without_it() -> None:
    def oracle(decisions: Decisions) -> Trace | None:
        paused = Paused(decisions)
        simulate({"a": ops("rx sx"), "b": ops("rx sx")}, paused)
        return Trace(tuple(paused.steps)) if decisions.faults else None

    found = shrink(Decisions.parse("a.0!SIGSTOP"), oracle)
    assert isinstance(found, Shrunk)
    assert str(found.decisions) == "a.0!SIGSTOP"
