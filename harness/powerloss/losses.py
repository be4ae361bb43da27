"""Says what a power cut took, in the terms of the folder that is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from harness.powerloss.log import Bytes, Entries, FileOperation, Length, Log, Marks, Shift
from harness.powerloss.models import Torn
from harness.powerloss.states import State

What = Literal["bytes", "length", "marks", "name"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One change that is not there, or not as a whole. `path` is the name under which the file is there now, if any.

    `moved`: a rename that is there has put the file under a name after this change was made.
    """

    path: str
    call: str
    what: What
    torn: Torn
    moved: bool


def losses(log: Log, state: State) -> tuple[Loss, ...]:
    """What the state lacks, in the order in which it had been made."""
    return tuple(_loss(log, state, index, torn) for index, torn in sorted(state.losses.items(), key=lambda one: one[0]))


def _loss(log: Log, state: State, index: int, torn: Torn) -> Loss:
    operation = log.operations[index]
    change = operation.change
    if not isinstance(change, Bytes | Length | Shift | Marks):
        return Loss(path=operation.path, call=operation.call, what="name", torn=torn, moved=False)
    path = next((path for path, placed in state.tree.items() if placed.inode == change.inode), operation.path)
    moved = any(_moves(later, change.inode) for later in _kept_after(log, state, index))
    what: What = "bytes" if isinstance(change, Bytes) else "marks" if isinstance(change, Marks) else "length"
    return Loss(path=path, call=operation.call, what=what, torn=torn, moved=moved)


def _kept_after(log: Log, state: State, index: int) -> Iterator[FileOperation]:
    for later in range(index + 1, state.moment):
        if later not in state.losses:
            yield log.operations[later]


def _moves(operation: FileOperation, inode: int) -> bool:
    """Whether it is a rename of this file."""
    change = operation.change
    return isinstance(change, Entries) and len(change.edits) == 2 and change.edits[0].inode == inode
