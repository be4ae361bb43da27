"""What a sequential model is, and the operations that it judges. It knows neither search nor history.

An operation is invoked, then it is "ok" (it answered), "fail" (it had no effect, for certain) or "info": it crashed,
timed out or said nothing that can be relied on, and may take effect at any later time or never. When in doubt an
operation is "info", because that accuses nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

Ending = Literal["ok", "fail", "info"]
S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call on the shared thing. `invoked` and `returned` are `Event.seq` numbers; "info" has not returned.

    Raises ValueError for an interval that cannot be.
    """

    actor: str
    call: str
    argument: Any
    result: Any
    invoked: int
    returned: int | None
    outcome: Ending

    def __post_init__(self) -> None:
        if (self.returned is None) != (self.outcome == "info"):
            raise ValueError(f"{self.call} of {self.actor}: an operation returns unless its outcome is info")
        if self.returned is not None and self.returned < self.invoked:
            raise ValueError(f"{self.call} of {self.actor} returned at {self.returned}, before {self.invoked}")

    def precedes(self, other: Operation) -> bool:
        """Whether it had returned before the other was invoked: the order that a witness must keep."""
        return self.returned is not None and self.returned < other.invoked


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One sentence for a person, and the operations that it is about."""

    sentence: str
    operations: tuple[Operation, ...]


Reason = Callable[[Sequence[Operation]], Explanation | None]


def whole(operations: Sequence[Operation]) -> Sequence[tuple[Operation, ...]]:
    """The partition of a model that has no parts."""
    return (tuple(operations),)


def by_name(name: Callable[[Operation], object]) -> Callable[[Sequence[Operation]], Sequence[tuple[Operation, ...]]]:
    """A partition into the operations of one name each, in the order of the names' first mention.

    Sound where no operation touches two names: linearizability is local (Herlihy & Wing 1990, theorem 1).
    """

    def partition(operations: Sequence[Operation]) -> Sequence[tuple[Operation, ...]]:
        parts: dict[object, list[Operation]] = {}
        for operation in operations:
            parts.setdefault(name(operation), []).append(operation)
        return tuple(tuple(part) for part in parts.values())

    return partition


def same(one: object, other: object) -> bool:
    """The usual equality of states."""
    return one == other


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(Generic[S]):
    """A sequential thing as pure callables (the shape of porcupine's `Model`).

    init       the state before the first operation
    step       every state that may follow when the operation takes effect in this one; none if it cannot have answered
               so here. An "info" operation has no result: all that it may do is given. The order is part of the answer
    equal      whether two states are the same to every later operation
    describe   an operation in words
    partition  operations that can be judged apart from each other
    reasons    short explanations of what is typical here, tried in order before the general one; each looks at one
               part, and says nothing unless what it says is by itself a violation
    """

    init: Callable[[], S]
    step: Callable[[S, Operation], Collection[S]]
    describe: Callable[[Operation], str]
    equal: Callable[[S, S], bool] = same
    partition: Callable[[Sequence[Operation]], Sequence[tuple[Operation, ...]]] = whole
    reasons: tuple[Reason, ...] = ()
