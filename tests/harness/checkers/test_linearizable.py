"""The search: its answers, its witness, its budget; and against the definition, which tries every order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.checkers.linearizable import Linearizable, NotLinearizable, Undecided, linearize
from harness.checkers.models.lock import lock
from harness.checkers.models.model import Model, Operation
from harness.checkers.models.named_set import named_set
from harness.checkers.models.register import Named, register
from harness.checkers.models.tokens import Presented, Redeemed, token_family
from tests.harness.checkers.operations import fail, info, linearizable_by_definition, ok, possible, true_to_real_time

X = Named(register="x")


def write(actor: str, value: int, invoked: int, returned: int, name: str = "x") -> Operation:
    return ok(actor, "write", Named(register=name, value=value), None, invoked, returned)


def read(actor: str, value: int, invoked: int, returned: int, name: str = "x") -> Operation:
    return ok(actor, "read", Named(register=name), value, invoked, returned)


def test_nothing_is_linearizable() -> None:
    assert linearize(register(), []) == Linearizable(order=(), states=0)


def test_the_witness_is_an_order() -> None:
    """Both reads overlap the write; the one that began later saw the old value. a, then b is tried first, in vain."""
    operations = [write("a", 1, 0, 9), read("b", 1, 1, 4), read("c", 0, 2, 3)]
    assert linearize(register(0), operations) == Linearizable(order=(operations[2], *operations[:2]), states=5)


def test_what_cannot_be_placed_is_named() -> None:
    operations = [write("a", 1, 0, 9), read("b", 1, 1, 4), read("c", 0, 5, 6)]
    answer = linearize(register(0), operations)
    assert answer == NotLinearizable(
        part=tuple(operations), order=tuple(operations[:2]), unplaced=(operations[2],), states=answer.states
    )


def test_an_operation_that_failed_had_no_effect() -> None:
    failed = fail("a", "write", Named(register="x", value=1), 0, 1)
    assert linearize(register(0), [failed, read("b", 0, 2, 3)]) == Linearizable(order=(read("b", 0, 2, 3),), states=1)
    assert isinstance(linearize(register(0), [failed, read("b", 1, 2, 3)]), NotLinearizable)


def test_an_indefinite_operation_takes_effect_at_any_later_time_or_never() -> None:
    lost = info("a", "write", Named(register="x", value=1), 2)
    later = [read("b", 0, 3, 4), read("b", 0, 5, 6)]
    for seen in ([*later], [*later, read("b", 1, 7, 8)], [read("b", 1, 7, 8)]):
        assert isinstance(linearize(register(0), [lost, *seen]), Linearizable), seen
    assert isinstance(linearize(register(0), [lost, read("b", 1, 0, 1)]), NotLinearizable)
    assert isinstance(linearize(register(0), [lost, read("b", 1, 3, 4), read("b", 0, 5, 6)]), NotLinearizable)


def test_operations_that_touch_at_one_event_overlap() -> None:
    assert isinstance(linearize(register(0), [read("b", 1, 0, 1), write("a", 1, 1, 2)]), Linearizable)


def test_an_interval_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="returned at 1, before 2"):
        write("a", 1, 2, 1)
    with pytest.raises(ValueError, match="returns unless its outcome is info"):
        replace(write("a", 1, 0, 1), returned=None)
    with pytest.raises(ValueError, match="returns unless its outcome is info"):
        replace(write("a", 1, 0, 1), outcome="info")


def test_parts_are_judged_apart_and_their_witnesses_merged() -> None:
    operations = [
        write("a", 1, 0, 9, "x"),
        read("b", 1, 10, 11, "x"),
        write("c", 2, 1, 2, "y"),
        read("d", 2, 3, 20, "y"),
    ]
    answer = linearize(register(0), operations)
    assert isinstance(answer, Linearizable)
    assert answer.states == 4
    assert true_to_real_time(answer.order)
    assert len(answer.order) == 4


def test_a_part_that_is_too_hard_does_not_hide_the_violation_of_another() -> None:
    """The budget is one part's."""
    hard = [write("a", number, 0, 50, "hard") for number in range(8)]
    easy = [write("b", 1, 0, 1, "easy"), read("b", 2, 2, 3, "easy")]
    impossible = read("c", 99, 60, 61, "hard")
    assert linearize(register(0), [*hard, impossible], budget=100) == Undecided(part=(*hard, impossible), states=100)
    answer = linearize(register(0), [*hard, impossible, *easy], budget=100)
    assert isinstance(answer, NotLinearizable)
    assert answer.part == tuple(easy)


def test_an_exhausted_budget_is_undecided_and_never_green() -> None:
    """One state less than the search needs is not enough, and exactly as many are."""
    operations = [write("a", number, 0, 50) for number in range(6)] + [read("b", 0, 60, 61)]
    needed = linearize(register(9), operations).states
    assert isinstance(linearize(register(9), operations, budget=needed), NotLinearizable | Linearizable)
    assert linearize(register(9), operations, budget=needed - 1) == Undecided(part=tuple(operations), states=needed - 1)


def test_memory_keeps_the_search_small() -> None:
    """Ten overlapping writes have 3,628,800 orders, but at most 10 * 2**9 ways to have done some of them."""
    operations = [write("a", number, 0, 50) for number in range(10)] + [read("b", 99, 60, 61)]
    assert linearize(register(0), operations).states == 10 * 2**9


# -- random histories ------------------------------------------------------------------------------------------------

ACTORS = ("a", "b", "c", "d")
TOKENS = ("first", "t1", "t2", "t3")


def _redeemed() -> list[Redeemed]:
    refusals = [Redeemed(decision=decision) for decision in ("reused", "revoked", "unknown")]
    return [Redeemed(decision=d, issued=token) for d in ("minted", "replayed") for token in TOKENS] + refusals


SETS = [frozenset(names) for names in ((), ("x",), ("y",), ("x", "y"))]
# For each model: what may be called with what, and every result that the call can have.
WORLDS: dict[str, tuple[Model[Any], list[tuple[str, Any, list[Any]]]]] = {
    "register": (
        register(0),
        [
            ("read", X, [0, 1, 2]),
            *(("write", Named(register="x", value=value), [None]) for value in (1, 2)),
            *(
                ("compare-and-set", Named(register="x", value=pair), [True, False])
                for pair in ((0, 1), (1, 2), (2, 0), (0, 2))
            ),
        ],
    ),
    "named-set": (
        named_set(["y"]),
        [
            ("list", None, SETS),
            *(("add", name, ["added", "conflict"]) for name in ("x", "y")),
            *(("delete", name, ["deleted", "absent"]) for name in ("x", "y")),
        ],
    ),
    "lock": (
        lock(),
        [("acquire", "l", [1, 2, 3, "busy"]), ("release", "l", ["released", "not-held"]), ("crash", "l", [None])],
    ),
    **{
        policy: (
            token_family(policy),
            [("redeem", Presented(family="f", token=token), _redeemed()) for token in TOKENS],
        )
        for policy in ("strict", "reject-only", "leeway", "grace", "idempotent", "counter")
    },
}


@st.composite
def executed(draw: st.DrawFn, world: str, most: int) -> list[Operation]:
    """A model executed one operation after the other, each with an interval around its moment; some are lost."""
    model, calls = WORLDS[world]
    done: list[Operation] = []
    for number in range(draw(st.integers(1, most))):
        call, argument, results = draw(st.sampled_from(calls))
        moment = 10 * number
        interval = (moment - draw(st.integers(0, 25)), moment + draw(st.integers(0, 25)))
        actor = draw(st.sampled_from(ACTORS))
        if draw(st.integers(0, 5)) == 0:
            done.append(info(actor, call, argument, interval[0]))
        else:
            answered = [ok(actor, call, argument, result, *interval) for result in results]
            fitting = [operation for operation in answered if possible(model, [*done, operation])]
            done += [draw(st.sampled_from(fitting))] if fitting else []
    return draw(st.permutations(done))


def results_of(world: str, operation: Operation) -> list[Any]:
    return next(results for call, _, results in WORLDS[world][1] if call == operation.call)


@st.composite
def mutated(draw: st.DrawFn, world: str) -> list[Operation]:
    """An executed history in which results and intervals have been changed, so that it may or may not be legal."""
    operations = list(draw(executed(world, 6)))
    for _ in range(draw(st.integers(0, 3)) if operations else 0):
        place = draw(st.integers(0, len(operations) - 1))
        old = operations[place]
        if old.outcome == "ok" and draw(st.booleans()):
            operations[place] = replace(old, result=draw(st.sampled_from(results_of(world, old))))
        elif old.outcome == "ok":
            begin = draw(st.integers(-20, 60))
            operations[place] = replace(old, invoked=begin, returned=begin + draw(st.integers(0, 15)))
    return operations


@pytest.mark.parametrize("world", WORLDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_a_model_has_executed_is_linearizable(world: str, data: st.DataObject) -> None:
    operations = data.draw(executed(world, 12))
    model = WORLDS[world][0]
    answer = linearize(model, operations)
    assert isinstance(answer, Linearizable)
    assert true_to_real_time(answer.order)
    assert possible(model, answer.order)
    assert [o for o in operations if o.outcome == "ok" and o not in answer.order] == []


@pytest.mark.parametrize("world", WORLDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_search_agrees_with_the_definition(world: str, data: st.DataObject) -> None:
    operations = data.draw(mutated(world))
    model = WORLDS[world][0]
    answer = linearize(model, operations)
    assert isinstance(answer, Linearizable) == linearizable_by_definition(model, operations)
    assert linearize(model, operations) == answer
    for part in model.partition(operations) if isinstance(answer, Linearizable) else ():
        assert [reason(part) for reason in model.reasons] == [None] * len(model.reasons)
    if isinstance(answer, NotLinearizable):
        assert true_to_real_time(answer.order)
        assert possible(model, answer.order)
        assert answer.unplaced


def lanes(number: int) -> list[Operation]:
    """Four actors, each one operation after the other, all overlapping: writes, and reads that see the last write."""
    operations, value = list[Operation](), 0
    for place in range(number):
        begin, actor = 3 * place, ACTORS[place % 4]
        if place % 3 == 0:
            value = place
            operations.append(write(actor, value, begin, begin + 11))
        else:
            operations.append(read(actor, value, begin, begin + 11))
    return operations


def test_two_hundred_overlapping_operations_are_decided_in_few_states() -> None:
    """States and not seconds, so that the test says the same on every machine. Seen: 200 in 1 ms, 1,128 in 4 ms."""
    legal = lanes(200)
    answer = linearize(register(0), legal)
    assert isinstance(answer, Linearizable)
    assert answer.states < 1000
    broken = [*legal, read("e", 3, 601, 602)]
    answer = linearize(register(0), broken)
    assert isinstance(answer, NotLinearizable)
    assert answer.unplaced == (broken[-1],)
    assert answer.states < 5000
