"""Which states of a folder a power cut may leave, at each moment of a recording.

Between two operations the power fails. What a sync had made safe is there; of the rest, a filesystem may have written
any part that its model allows. All combinations would be exponential, and programs trip over the simple ones: so a
state is built by *one* decision, and what the model makes follow from it:

1. nothing is lost;
2. one change is lost, and what cannot be there without it;
3. one write is torn;
4. all bytes of one file are lost, or of all files, while the names are there;
5. of all changes of names one is there, with what it needs, and nothing else; the last rename first;
6. all changes of names are lost, while the bytes are there;
7. everything that was not safe is lost.

Decisions 2 to 6 are taken where most is unsafe, that is just before each sync and at the end. At every other moment
either nothing is lost or everything that is not safe.

So the states grow with the log and not with its powers: about four for each change between two syncs, fewer after equal
ones are told apart only once. What is missed is a program that breaks only when two independent things are lost and two
others are not. ALICE makes a similar choice: omit one, or stop at a prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.powerloss.disk import Disk, Tree, shape
from harness.powerloss.log import Bytes, Entries, Length, Log, Shift, Sync
from harness.powerloss.models import LOST, Model, Ordered, Part, Posix, Torn

Losses = Mapping[int, Torn]  # by operation; what is not in it is on the disk as a whole

MODELS: tuple[Callable[[Log], Model], ...] = (Posix, Ordered)  # the weakest promise first


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One folder that may be found after a power cut.

    `moment` counts the operations that had been made; `models` names those under which it may be found.
    """

    moment: int
    losses: Losses
    tree: Tree
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """The states of one log. `left_out` counts those beyond the bound, which were not built."""

    all: tuple[State, ...]
    left_out: int = 0


def states(log: Log, *, most: int = 400, at_the_end: bool = False) -> States:
    """Every state at any moment, or `at_the_end` alone, each shape once, under the weakest model.

    Which stronger ones allow it is noted. The last moment comes first, and within a moment the smallest loss. A shape
    that may be found at several moments counts as found at the last of all if it may be found there, because a program
    has promised most by then; else at the last at which nothing is lost, because no sync would help against it; else
    at the last.
    """
    end = len(log.operations)
    models = [make(log) for make in MODELS]
    moments = range(end, end - 1 if at_the_end else -1, -1)
    allowed = [{shape(state.tree) for state in _found(log, model, moments)} for model in models[1:]]
    found: dict[str, State] = {}
    for moment in moments:
        for losses in candidates(log, models[0], moment):
            tree = after(log, moment, losses)
            known = found.get(key := shape(tree))
            if known is None or (known.moment < end and known.losses and not losses):
                names = [m.name for m, shapes in zip(models[1:], allowed, strict=True) if key in shapes]
                found[key] = State(moment=moment, losses=losses, tree=tree, models=(models[0].name, *names))
    every = tuple(sorted(found.values(), key=lambda state: (-state.moment, len(state.losses))))
    return States(all=every[:most], left_out=max(0, len(every) - most))


def worst(log: Log, found: States) -> State:
    """Of all states of a log the one in which everything is lost at the end that no sync had made safe."""
    end = len(log.operations)
    unsafe = unsafe_changes(log, MODELS[0](log), end)
    lost = shape(after(log, end, dict.fromkeys(unsafe, LOST)))
    return next(state for state in found.all if shape(state.tree) == lost)


def candidates(log: Log, model: Model, moment: int) -> list[Losses]:
    """What may be lost after so many operations, the smallest loss first, each once."""
    unsafe = unsafe_changes(log, model, moment)
    most_is_unsafe = moment == len(log.operations) or isinstance(log.operations[moment].change, Sync)
    decisions = _decisions(log, model, unsafe) if most_is_unsafe else [{}, dict.fromkeys(unsafe, LOST)]
    found = {frozenset(losses.items()): losses for losses in decisions}
    return sorted(found.values(), key=len)  # stable: the order of the decisions within one size


def after(log: Log, moment: int, losses: Losses) -> Tree:
    """The folder when the power failed after so many operations, and this was lost."""
    disk = Disk(log.start)
    for index, operation in enumerate(log.operations[:moment]):
        change = operation.change
        if (torn := losses.get(index)) is None:
            disk.apply(change, operation.at)
        elif isinstance(change, Bytes) and (left := _left(change, torn)) is not None:
            disk.apply(left, operation.at)
    return disk.tree()


def unsafe_changes(log: Log, model: Model, moment: int) -> list[int]:
    """The changes that no sync has made safe, directly or because a safe one cannot be without them."""
    changes = [index for index in range(moment) if not isinstance(log.operations[index].change, Sync)]
    syncs = [index for index in range(moment) if isinstance(log.operations[index].change, Sync)]
    safe = {index for sync in syncs for index in model.made_safe(sync)}
    for index in reversed(changes):  # what is needed stands earlier
        if index in safe:
            safe.update(model.needs(index))
    return [index for index in changes if index not in safe]


def _found(log: Log, model: Model, moments: Sequence[int]) -> Iterator[State]:
    for moment in moments:
        for losses in candidates(log, model, moment):
            yield State(moment=moment, losses=losses, tree=after(log, moment, losses), models=(model.name,))


def _decisions(log: Log, model: Model, unsafe: Sequence[int]) -> Iterator[Losses]:
    """One decision each, in the order of the module's docstring, all of them."""
    needs = _all_needs(model, unsafe)
    change = {index: log.operations[index].change for index in unsafe}
    bytes_of: dict[int, list[int]] = {}
    for index in unsafe:
        if isinstance(found := change[index], Bytes | Length | Shift):
            bytes_of.setdefault(found.inode, []).append(index)
    names = [index for index in unsafe if isinstance(change[index], Entries)]

    def without(lost: Collection[int], torn: Torn = LOST) -> Losses:
        follow = {index: LOST for index in unsafe if needs[index] & set(lost)}
        return {**follow, **dict.fromkeys(lost, torn)}

    yield {}
    yield from (without([index]) for index in unsafe)
    for index in unsafe:
        if isinstance(change[index], Bytes):
            yield from (without([index], torn) for torn in model.tears(index))
    yield from (without(indices) for indices in bytes_of.values())
    yield without([index for indices in bytes_of.values() for index in indices])
    for index in reversed(names):
        yield without([other for other in unsafe if other != index and other not in needs[index]])
    yield without(names)
    yield without(unsafe)


def _all_needs(model: Model, unsafe: Sequence[int]) -> Mapping[int, frozenset[int]]:
    """For each change those, among the unsafe ones, without which it cannot be, over any number of steps."""
    known: dict[int, frozenset[int]] = {}
    for index in unsafe:
        direct = [other for other in model.needs(index) if other in known]
        known[index] = frozenset(direct).union(*(known[other] for other in direct))
    return known


def _left(change: Bytes, torn: Torn) -> Bytes | None:
    """What of a torn write is on the disk."""
    match torn.part:
        case Part.NOTHING:
            return None
        case Part.BEGINNING:
            return replace(change, data=change.data[: torn.size])
        case Part.END:
            return replace(change, offset=change.offset + torn.size, data=change.data[torn.size :])
        case Part.PADDED:
            return replace(change, data=change.data[: torn.size].ljust(len(change.data), b"\0"))
        case Part.ZEROES:
            return replace(change, data=bytes(len(change.data)))
