"""Operations written out literally, and the definition of linearizability as an oracle that tries every order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations
from typing import Any

from harness.checkers.models.model import Model, Operation


def ok(actor: str, call: str, argument: Any, result: Any, invoked: int, returned: int) -> Operation:
    return Operation(
        actor=actor, call=call, argument=argument, result=result, invoked=invoked, returned=returned, outcome="ok"
    )


def fail(actor: str, call: str, argument: Any, invoked: int, returned: int) -> Operation:
    return Operation(
        actor=actor, call=call, argument=argument, result=None, invoked=invoked, returned=returned, outcome="fail"
    )


def info(actor: str, call: str, argument: Any, invoked: int) -> Operation:
    return Operation(
        actor=actor, call=call, argument=argument, result=None, invoked=invoked, returned=None, outcome="info"
    )


def possible(model: Model[Any], order: Sequence[Operation]) -> bool:
    """Whether the model can answer so, one operation after the other."""
    states = [model.init()]
    for operation in order:
        states = [after for state in states for after in model.step(state, operation)]
    return bool(states)


def true_to_real_time(order: Sequence[Operation]) -> bool:
    return not any(later.precedes(earlier) for earlier, later in combinations(order, 2))


def orders(operations: Sequence[Operation]) -> Iterator[tuple[Operation, ...]]:
    """Every order of what answered, with every choice of what is indefinite."""
    certain = [o for o in operations if o.outcome == "ok"]
    unsure = [o for o in operations if o.outcome == "info"]
    for number in range(len(unsure) + 1):
        for chosen in combinations(unsure, number):
            yield from permutations([*certain, *chosen])


def linearizable_by_definition(model: Model[Any], operations: Sequence[Operation]) -> bool:
    return any(true_to_real_time(order) and possible(model, order) for order in orders(operations))
