"""Is there one order of all operations, true to real time, that a sequential model could have produced?

Linearizability is that of Herlihy & Wing, "Linearizability: a correctness condition for concurrent objects" (1990).
The search is that of Wing & Gong, "Testing and verifying concurrent objects" (1993), with the memory of Lowe, "Testing
for linearizability" (2017): a set of placed operations together with the state they lead to is looked at once.

The budget is counted in such configurations and never in seconds, so that a verdict replays: the same operations give
the same answer after the same number of states, on any machine. An exhausted budget is `Undecided`, which no caller may
take for green.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic

from harness.checkers.models.model import Model, Operation, S

BUDGET = 200_000  # configurations of one part; about two seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Linearizable:
    """`order` is a witness. It leaves out what failed, and whatever is indefinite and need not have happened."""

    order: tuple[Operation, ...]
    states: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotLinearizable:
    """No order exists for `part`.

    `order` is a longest one of some of its operations, `unplaced` are those with an answer that it lacks, by return.
    """

    part: tuple[Operation, ...]
    order: tuple[Operation, ...]
    unplaced: tuple[Operation, ...]
    states: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """The budget was used up before every order of `part` had been tried."""

    part: tuple[Operation, ...]
    states: int


Answer = Linearizable | NotLinearizable | Undecided


def linearize(model: Model[S], operations: Collection[Operation], *, budget: int = BUDGET) -> Answer:
    """Judge the operations, part by part.

    `budget` is the number of configurations that may be looked at for each part: a part that is too hard to decide does
    not hide the violation of another. `states` of the answer counts those of all parts that were tried.
    """
    answers: list[Answer] = []
    for part in model.partition([operation for operation in operations if operation.outcome != "fail"]):
        answers.append(_search(model, part, budget))
        if isinstance(answers[-1], NotLinearizable):
            break
    states = sum(answer.states for answer in answers)
    for kind in (NotLinearizable, Undecided):
        for answer in answers:
            if isinstance(answer, kind):
                return replace(answer, states=states)
    orders = [answer.order for answer in answers if isinstance(answer, Linearizable)]
    return Linearizable(order=_merged(orders), states=states)


def _search(model: Model[S], operations: Sequence[Operation], budget: int) -> Answer:
    """Depth first over configurations: which operations are placed (the bits), and the state they led to."""
    line, seen = _Timeline(operations), _Seen(model)
    path, bits = list[int](), 0
    longest, most = tuple[int, ...](), -1
    moves = [line.moves(model, model.init())]
    while line.awaited:
        if line.placed > most:
            longest, most = tuple(path), line.placed
        for index, state in moves[-1]:
            if seen.add(bits | 1 << index, state):
                break
        else:  # nothing leads on from here: take the last operation back
            moves.pop()
            if not path:
                return _stuck(operations, longest, seen.states)
            bits ^= 1 << path[-1]
            line.put_back(path.pop())
            continue
        if seen.states > budget:
            return Undecided(part=tuple(operations), states=budget)
        line.lift(index)
        path.append(index)
        bits |= 1 << index
        moves.append(line.moves(model, state))
    return Linearizable(order=tuple(operations[index] for index in path), states=seen.states)


def _stuck(operations: Sequence[Operation], longest: Iterable[int], states: int) -> NotLinearizable:
    order = tuple(operations[index] for index in longest)
    left = [operation for index, operation in enumerate(operations) if index not in set(longest)]
    unplaced = sorted((o for o in left if o.returned is not None), key=lambda o: o.returned or 0)
    return NotLinearizable(part=tuple(operations), order=order, unplaced=tuple(unplaced), states=states)


def _merged(orders: Sequence[tuple[Operation, ...]]) -> tuple[Operation, ...]:
    """One witness out of the parts'.

    Each operation takes effect at the latest invocation up to it in its part's order. That is never after its return,
    so operations sorted by that moment keep real time, and each part keeps its order.
    """
    timed = list[tuple[int, int, Operation]]()
    for part, order in enumerate(orders):
        moment = 0
        for operation in order:
            moment = max(moment, operation.invoked)
            timed.append((moment, part, operation))
    return tuple(operation for _, _, operation in sorted(timed, key=lambda entry: entry[:2]))


class _Seen(Generic[S]):
    """The configurations that have been looked at."""

    def __init__(self, model: Model[S]) -> None:
        self.states = 0
        self._equal = model.equal
        self._known: dict[int, list[S]] = {}

    def add(self, bits: int, state: S) -> bool:
        """False when it was known."""
        known = self._known.setdefault(bits, [])
        if any(self._equal(state, other) for other in known):
            return False
        known.append(state)
        self.states += 1
        return True


class _Timeline:
    """Invocations and returns in the order of their events, as a linked list that placed operations are lifted out of.

    Entry 0 is both ends. Whatever stands before the first return may come next; an "info" operation has no return and
    holds nobody up.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        calls = [(operation.invoked, 0, index) for index, operation in enumerate(operations)]
        returns = [(o.returned, 1, index) for index, o in enumerate(operations) if o.returned is not None]
        entries = sorted([*calls, *returns])  # at equal numbers an invocation stands first: the two overlap
        self._operations = operations
        self._entries = [(0, 1, -1), *entries]
        self._after = [*range(1, len(entries) + 1), 0]
        self._before = [len(entries), *range(len(entries))]
        self._places: list[list[int]] = [[] for _ in operations]
        for place, (_, _, index) in enumerate(entries, 1):
            self._places[index].append(place)
        self.awaited = len(returns)  # operations with an answer that are not placed
        self.placed = 0  # those that are

    def moves(self, model: Model[S], state: S) -> Iterator[tuple[int, S]]:
        """Each operation that may come next, with each state it may lead to."""
        place = self._after[0]
        while self._entries[place][1] == 0:
            index = self._entries[place][2]
            operation = self._operations[index]
            for following in model.step(state, operation):
                if operation.outcome != "info" or not model.equal(state, following):  # else it may as well not happen
                    yield index, following
            place = self._after[place]

    def lift(self, index: int) -> None:
        for place in self._places[index]:
            self._after[self._before[place]] = self._after[place]
            self._before[self._after[place]] = self._before[place]
        self._count(index, 1)

    def put_back(self, index: int) -> None:
        """Undo the last `lift`, which must have been of this operation."""
        for place in reversed(self._places[index]):
            self._after[self._before[place]] = place
            self._before[self._after[place]] = place
        self._count(index, -1)

    def _count(self, index: int, step: int) -> None:
        if self._operations[index].returned is not None:
            self.placed += step
            self.awaited -= step
