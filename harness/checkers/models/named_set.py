"""A set of names, such as the agents of a config file: added, deleted, listed.

    add NAME      "added", or "conflict" when it is there
    delete NAME   "deleted", or "absent" when it is not there
    list          the names, as a frozenset

A list sees all names at one moment, so the set has no parts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations, product

from harness.checkers.models.model import Explanation, Model, Operation, Reason

Names = frozenset[str]
_EFFECT = {"add": "added", "delete": "deleted"}
_OPPOSITE = {"add": "delete", "delete": "add"}


def named_set(initial: Collection[str] = ()) -> Model[Names]:
    """The model of a set that holds these names at first."""
    first = frozenset(initial)
    reasons = (_changed_twice, _overruled, _unfounded(first), _forgotten, _crossed)
    return Model(init=lambda: first, step=_step, describe=_describe, reasons=reasons)


def _step(names: Names, operation: Operation) -> tuple[Names, ...]:
    if operation.call == "list":
        return (names,) if operation.result == names else ()
    name, unknown = operation.argument, operation.outcome == "info"
    there = name in names
    if operation.call == "add":
        after, possible = names | {name}, "conflict" if there else "added"
    else:
        after, possible = names - {name}, "deleted" if there else "absent"
    return (after,) if unknown or operation.result == possible else ()


def _describe(operation: Operation) -> str:
    if operation.call == "list":
        return f"{operation.actor} saw {_listed(operation.result)}" if operation.result is not None else operation.actor
    if operation.outcome == "info":
        return f"{operation.actor} may {operation.call} {operation.argument}"
    if operation.result == _EFFECT[operation.call]:
        return f"{operation.actor} {operation.result} {operation.argument}"
    return f"{operation.actor} asked to {operation.call} {operation.argument} and was told {operation.result}"


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "nobody"


# -- explanations: each is a violation by itself ------------------------------------------------------------------


def _changed_twice(operations: Sequence[Operation]) -> Explanation | None:
    """Two adds of one name succeeded although nobody deleted it, or the other way round."""
    for one, other in combinations(_changes(operations), 2):
        if (one.call, one.argument) != (other.call, other.argument):
            continue
        opposite = _OPPOSITE[one.call]
        if not any(_may_change(o, opposite, one.argument) for o in operations):
            said, unsaid = _EFFECT[one.call], _EFFECT[opposite]
            sentence = f"{one.actor} and {other.actor} both {said} {one.argument}, although nobody {unsaid} it between"
            return Explanation(sentence=sentence, operations=(one, other))
    return None


def _overruled(operations: Sequence[Operation]) -> Explanation | None:
    """A change was acknowledged before a list began, and the list does not show it."""
    for seen, change in product(_lists(operations), _changes(operations)):
        wrong = (change.argument in seen.result) != (change.call == "add")
        if wrong and change.precedes(seen) and not _may_be_undone(operations, change, seen):
            shows = f"{'lacks' if change.call == 'add' else 'still shows'} {change.argument}"
            return Explanation(
                sentence=f"{change.actor} was acknowledged before {seen.actor} began, yet the list {shows}",
                operations=(change, seen),
            )
    return None


def _unfounded(initial: Names) -> Reason:
    """A list differs from what was there at first by a name that nobody had begun to add or delete."""

    def reason(operations: Sequence[Operation]) -> Explanation | None:
        for seen in _lists(operations):
            for name in sorted(seen.result ^ initial):
                call = "add" if name in seen.result else "delete"
                causes = [o for o in operations if _may_change(o, call, name)]
                if all(seen.precedes(cause) for cause in causes):
                    return _without_cause(seen, name, call, causes)
        return None

    return reason


def _without_cause(seen: Operation, name: str, call: str, causes: Sequence[Operation]) -> Explanation:
    shows = _shows(seen, name)
    if not causes:
        return Explanation(sentence=f"{seen.actor} {shows}, which nobody {_EFFECT[call]}", operations=(seen,))
    first = causes[0]
    return Explanation(
        sentence=f"{seen.actor} {shows}, although it had ended before {first.actor} began",
        operations=(seen, first),
    )


def _forgotten(operations: Sequence[Operation]) -> Explanation | None:
    """Two lists, one after the other, differ by a name that nobody can have added or deleted between them."""
    for one, other in product(_lists(operations), repeat=2):
        for name in sorted(one.result ^ other.result) if one.precedes(other) else ():
            call = "delete" if name in one.result else "add"
            causes = [o for o in operations if _may_change(o, call, name)]
            if all(cause.precedes(one) or other.precedes(cause) for cause in causes):
                sentence = (
                    f"{one.actor} {_shows(one, name)} and {other.actor}, which began later, {_shows(other, name)}, "
                    f"although nobody {_EFFECT[call]} it between"
                )
                return Explanation(sentence=sentence, operations=(one, other))
    return None


def _crossed(operations: Sequence[Operation]) -> Explanation | None:
    """Two lists show two adds in opposite orders, and nothing was deleted."""
    adds = {change.argument: change for change in _changes(operations) if change.call == "add"}
    kept = {name for name in adds if not any(_may_change(o, "delete", name) for o in operations)}
    for one, other in combinations(_lists(operations), 2):
        alone, opposite = sorted((one.result - other.result) & kept), sorted((other.result - one.result) & kept)
        if alone and opposite:
            return _either_order(one, other, adds[alone[0]], adds[opposite[0]])
    return None


def _either_order(one: Operation, other: Operation, first: Operation, second: Operation) -> Explanation:
    return Explanation(
        sentence=f"{one.actor} shows {first.argument} without {second.argument}, and {other.actor} shows "
        f"{second.argument} without {first.argument}: the two adds cannot have happened in either order",
        operations=(first, one, second, other),
    )


def _changes(operations: Sequence[Operation]) -> list[Operation]:
    """What certainly changed the set."""
    return [o for o in operations if o.outcome == "ok" and o.result == _EFFECT.get(o.call)]


def _lists(operations: Sequence[Operation]) -> list[Operation]:
    return [o for o in operations if o.call == "list" and o.outcome == "ok"]


def _may_change(operation: Operation, call: str, name: str) -> bool:
    """Whether it has done that to the name, or may have."""
    effective = operation.outcome == "info" or operation.result == _EFFECT.get(call)
    return (operation.call, operation.argument) == (call, name) and effective


def _may_be_undone(operations: Sequence[Operation], change: Operation, seen: Operation) -> bool:
    """Whether the opposite may have been done after the change and before the list."""
    undoing = [o for o in operations if _may_change(o, _OPPOSITE[change.call], change.argument)]
    return any(not o.precedes(change) and not seen.precedes(o) for o in undoing)


def _shows(seen: Operation, name: str) -> str:
    return f"{'shows' if name in seen.result else 'lacks'} {name}"
