"""Registers that hold one value each, such as the version of a file.

    read             the value
    write            (nothing)
    compare-and-set  whether it was set; the argument is the pair (expected, new)

`Named` says which register is meant; registers are judged apart from each other. A read followed by a write that
depends on it, as in "read version 4, wrote 6", is one compare-and-set: that is what the writer believes it has done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from harness.checkers.models.model import Explanation, Model, Operation, Reason, by_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The argument of an operation: which register, and what is to be written (for compare-and-set, the pair)."""

    register: str
    value: Any = None


def register(initial: Any = None) -> Model[Any]:
    """The model of registers that hold this value at first."""
    return Model(
        init=lambda: initial,
        step=_step,
        describe=_describe,
        partition=by_name(lambda operation: operation.argument.register),
        reasons=(_lost_update(initial), _stale_read(initial)),
    )


def _step(value: Any, operation: Operation) -> tuple[Any, ...]:
    unknown, argument = operation.outcome == "info", operation.argument.value
    if operation.call == "read":
        return (value,) if unknown or operation.result == value else ()
    if operation.call == "write":
        return (argument,)
    expected, new = argument
    fits = value == expected
    return (new if fits else value,) if unknown or operation.result is fits else ()


def _describe(operation: Operation) -> str:
    actor, name, value = operation.actor, operation.argument.register, operation.argument.value
    if operation.call == "read":
        return f"{actor} read {name} {operation.result}"
    if operation.call == "write":
        return f"{actor} {'may have written' if operation.outcome == 'info' else 'wrote'} {name} {value}"
    did = {True: "set", False: "could not set"}.get(operation.result, "may have set")
    return f"{actor} {did} {name} from {value[0]} to {value[1]}"


def _lost_update(initial: Any) -> Reason:
    """Two compare-and-sets from one value succeeded, although it was there only once."""

    def reason(operations: Sequence[Operation]) -> Explanation | None:
        for pair in combinations([o for o in operations if o.call == "compare-and-set" and o.result is True], 2):
            first, last = sorted(pair, key=lambda operation: operation.returned or 0)
            read, wrote = first.argument.value
            times = len(_sources(operations, read)) + (initial == read)
            if last.argument.value[0] == read and read not in (wrote, last.argument.value[1]) and times < 2:
                return _overwritten(first, last)
        return None

    return reason


def _overwritten(first: Operation, last: Operation) -> Explanation:
    name, (read, wrote), replaced_by = first.argument.register, first.argument.value, last.argument.value[1]
    return Explanation(
        sentence=f"{last.actor} read {name} {read}, {first.actor} wrote {wrote}, "
        f"{last.actor} wrote {replaced_by} without {wrote}'s change",
        operations=(first, last),
    )


def _stale_read(initial: Any) -> Reason:
    """A read gave a value that nobody wrote, or that had been replaced before the read began."""

    def reason(operations: Sequence[Operation]) -> Explanation | None:
        for read in (o for o in operations if o.call == "read" and o.outcome == "ok"):
            name, sources = read.argument.register, _sources(operations, read.result)
            if not sources and read.result != initial:
                sentence = f"{read.actor} read {name} {read.result}, which nobody wrote"
                return Explanation(sentence=sentence, operations=(read,))
            for write in (o for o in operations if _wrote(o) and o.precedes(read) and _new(o) != read.result):
                if all(source.precedes(write) or read.precedes(source) for source in sources):
                    return _stale(write, read)
        return None

    return reason


def _stale(write: Operation, read: Operation) -> Explanation:
    new, old = _new(write), read.result
    return Explanation(
        sentence=f"{write.actor} had written {write.argument.register} {new} before {read.actor} began, "
        f"yet {read.actor} read {old}",
        operations=(write, read),
    )


def _new(operation: Operation) -> Any:
    return operation.argument.value if operation.call == "write" else operation.argument.value[1]


def _wrote(operation: Operation) -> bool:
    """Whether it certainly put its value there."""
    acknowledged = operation.outcome == "ok"
    return acknowledged and (
        operation.call == "write" or (operation.call == "compare-and-set" and operation.result is True)
    )


def _sources(operations: Sequence[Operation], value: Any) -> list[Operation]:
    """Whatever may have put the value there."""
    writers = [o for o in operations if o.call != "read" and o.result is not False]
    return [o for o in writers if _new(o) == value]
