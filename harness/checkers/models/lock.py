"""Locks with fencing numbers, and holders that may crash.

    acquire LOCK   the fencing number, above every number granted before; or "busy" while another actor holds it
    release LOCK   "released", or "not-held" when the actor does not hold it
    crash LOCK     nothing: the actor is gone, and what it held is free (a kernel's lock goes with its holder)

A number that nobody saw, because the acquire is indefinite, is some number above those before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from harness.checkers.models.model import Explanation, Model, Operation, by_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Who holds the lock, if anybody, and the least number that the last grant can have had."""

    holder: str | None = None
    number: int = 0


def lock() -> Model[Held]:
    """The model of locks, each judged apart from the others."""
    return Model(
        init=Held, step=_step, describe=_describe, partition=by_name(lambda o: o.argument), reasons=(_both_held,)
    )


def _step(held: Held, operation: Operation) -> tuple[Held, ...]:
    if operation.call == "acquire":
        return _acquire(held, operation)
    mine = held.holder == operation.actor
    after = Held(number=held.number) if mine else held
    possible = "released" if mine else "not-held"
    return (after,) if operation.call == "crash" or operation.outcome == "info" or operation.result == possible else ()


def _acquire(held: Held, operation: Operation) -> tuple[Held, ...]:
    free, actor = held.holder is None, operation.actor
    if operation.outcome == "info":
        return (Held(holder=actor, number=held.number + 1),) if free else (held,)
    if operation.result == "busy":
        return () if free or held.holder == actor else (held,)
    return (Held(holder=actor, number=operation.result),) if free and operation.result > held.number else ()


def _describe(operation: Operation) -> str:
    actor, name = operation.actor, operation.argument
    if operation.call == "crash":
        return f"{actor} crashed"
    if operation.outcome == "info":
        return f"{actor} may {operation.call} {name}"
    if operation.call == "acquire" and operation.result != "busy":
        return f"{actor} was granted {name} with number {operation.result}"
    return f"{actor} asked to {operation.call} {name} and was told {operation.result}"


def _both_held(operations: Sequence[Operation]) -> Explanation | None:
    """Two actors were granted the lock, and neither had given it up when the other got it."""
    grants = [o for o in operations if o.call == "acquire" and o.outcome == "ok" and o.result != "busy"]
    for one, other in combinations(grants, 2):
        if one.actor != other.actor and not _gave_up(operations, one, other) and not _gave_up(operations, other, one):
            return Explanation(
                sentence=f"{one.actor} and {other.actor} both held {one.argument}: numbers {one.result} and "
                f"{other.result} were granted, and neither had given it up when the other got it",
                operations=(one, other),
            )
    return None


def _gave_up(operations: Sequence[Operation], one: Operation, other: Operation) -> bool:
    """Whether the holder by `one` may have given the lock up between the two grants."""
    ends = [o for o in operations if o.actor == one.actor and o.call != "acquire" and o.result != "not-held"]
    return any(not o.precedes(one) and not other.precedes(o) for o in ends)
