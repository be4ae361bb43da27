"""Why no order exists, in one sentence that a person understands.

A model knows what is typical of it ("wrote 6 without 5's change") and is asked first. Where it has nothing to say, the
sentence tells how far the longest order came and what fits nowhere in it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from harness.checkers.linearizable import NotLinearizable
from harness.checkers.models.model import Explanation, Model, Operation, S
from harness.events import CallHeld, CallReleased, History

_MOST_NAMED = 5  # operations in a sentence


def explain(model: Model[S], answer: NotLinearizable) -> Explanation:
    """The first reason of the model's own that holds, else the general one."""
    return typical(model, answer.part) or _in_general(model, answer)


def typical(model: Model[S], part: Sequence[Operation]) -> Explanation | None:
    """A violation that the model knows by sight, if there is one; also where a search was too long to end."""
    return next((found for reason in model.reasons if (found := reason(part)) is not None), None)


def later_replacement(history: History, overwritten: str, writers: Collection[str]) -> tuple[str, tuple[int, ...]]:
    """Who replaced the file after the overwritten actor had, with what it had read before; "" where nobody is seen to.

    Gives the words to add to a sentence and the events that show it. A writer that is held at its rename has read what
    it is to read, so whatever is let go after that moment is not in its file. Only held renames are events: that one
    was the last can be said where every one of the writers was held.
    """
    held = {what.actor: seq for seq, what in history.of(CallHeld) if what.call.startswith("rename")}
    wrote = {what.actor: seq for seq, what in history.of(CallReleased) if what.call.startswith("rename")}
    last = max(wrote, key=wrote.__getitem__, default="")
    if overwritten not in wrote or last == overwritten or held.get(last, wrote[last]) > wrote[overwritten]:
        return "", ()
    shown = (held[last], wrote[overwritten], wrote[last])
    if wrote.keys() >= set(writers):
        return f"the file was last replaced by {last}, which had read it before {overwritten} wrote", shown
    return f"{last} then replaced the file with what it had read before {overwritten} wrote", shown


def _in_general(model: Model[S], answer: NotLinearizable) -> Explanation:
    stuck = answer.unplaced[0]
    placed, shown = list(answer.order), list(answer.order[-_MOST_NAMED:])
    told = ", then ".join(model.describe(operation) for operation in shown)
    after = f"after {'… ' if len(placed) > len(shown) else ''}{told}" if shown else "at the start"
    beside = [o for o in answer.part if o != stuck and not o.precedes(stuck) and not stuck.precedes(o)]
    sentence = (
        f"no order of {_count(answer.part)} explains what was answered: {after}, “{model.describe(stuck)}” "
        f"is impossible, and so it is everywhere else that real time allows"
    )
    if 0 < len(beside) <= _MOST_NAMED:
        sentence += f" (it overlapped {', '.join(dict.fromkeys(model.describe(o) for o in beside))})"
    return Explanation(sentence=sentence, operations=(*shown, stuck))


def _count(operations: Sequence[Operation]) -> str:
    return f"the {len(operations)} operations" if len(operations) > 1 else "the one operation"
