"""CFG-9: adding, deleting and listing agents, judged as one history of a set of names."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checkers.explain import explain, later_replacement, typical
from harness.checkers.judge import CannotDecide
from harness.checkers.linearizable import BUDGET, NotLinearizable, Undecided, linearize
from harness.checkers.models.model import Ending, Explanation, Operation
from harness.checkers.models.named_set import Names, named_set
from harness.events import Finished, History, Started
from harness.verdict import Finding

_CALLS = {"agents add": "add", "agents delete": "delete", "agents list": "list"}
_EFFECTS = {"add": "added", "delete": "deleted"}
_REFUSED_AT_ONCE = frozenset({"usage", "busy"})  # kinds of failure that come before anything is touched


def agents_linearizable(history: History) -> list[Finding]:
    """CFG-9: the adds, deletes and lists have an order that is true to real time and to every answer.

    Judged are the names that somebody changed, against what the first list showed before.
    """
    operations = _operations(history)
    model = named_set(_at_first(operations))
    answer = linearize(model, operations, budget=BUDGET)
    if isinstance(answer, NotLinearizable):
        return [_finding(history, operations, explain(model, answer))]
    if isinstance(answer, Undecided):
        if (found := typical(model, answer.part)) is not None:
            return [_finding(history, operations, found)]
        raise CannotDecide(f"no order was found among the first {answer.states} states, and none was ruled out")
    _enough(operations)
    return []


def _finding(history: History, operations: Sequence[Operation], explanation: Explanation) -> Finding:
    """The sentence, and what became of the file, as far as the history shows it."""
    writers = [o.actor for o in operations if o.call != "list" and o.outcome != "fail"]
    evidence = {seq for o in explanation.operations for seq in (o.invoked, o.returned) if seq is not None}
    causes = [later_replacement(history, o.actor, writers) for o in explanation.operations if o.call == "add"]
    words, shown = next((cause for cause in causes if cause[0]), ("", ()))
    message = f"{explanation.sentence}: {words}" if words else explanation.sentence
    return Finding(rule="CFG-9", message=message, evidence=tuple(sorted(evidence | set(shown))))


def _operations(history: History) -> list[Operation]:
    """The commands of a history as operations on the set.

    An operation begins with `Started`, which is written before a command's first watched call is let go, and ends with
    `Finished`, which is written after its process has ended.
    """
    ends = list(history.of(Finished))
    commands = [(seq, what) for seq, what in history.of(Started) if what.verb in _CALLS]
    changes = [what for _, what in commands if _CALLS[what.verb] != "list"]
    if nameless := [what.actor for what in changes if "name" not in what.params]:
        raise CannotDecide(f"which agent {nameless[0]} was about is not known")
    names = frozenset(what.params["name"] for what in changes)
    return [_operation(begun, what, _end(ends, begun, what.actor), names) for begun, what in commands]


def _end(ends: Sequence[tuple[int, Finished]], begun: int, actor: str) -> tuple[int, Finished] | None:
    return next(((seq, what) for seq, what in ends if seq > begun and what.actor == actor), None)


def _operation(invoked: int, begun: Started, end: tuple[int, Finished] | None, names: Names) -> Operation:
    call = _CALLS[begun.verb]
    outcome, result = _ending(call, end[1], names) if end is not None else ("info", None)
    return Operation(
        actor=begun.actor,
        call=call,
        argument=begun.params["name"] if call != "list" else None,
        result=result,
        invoked=invoked,
        returned=end[0] if end is not None and outcome != "info" else None,
        outcome=outcome,
    )


def _ending(call: str, end: Finished, names: Names) -> tuple[Ending, object]:
    """What the command claims, where its claim and its exit status agree; else anything may have happened."""
    outcome = end.outcome
    if call == "list":
        seen = outcome.agents if outcome.ok else None
        return ("ok", frozenset(seen) & names) if seen is not None else ("fail", None)
    if outcome.ok and outcome.exit_status == 0:
        return "ok", _EFFECTS[call]
    refused = not outcome.ok and outcome.exit_status not in (0, None) and outcome.kind in _REFUSED_AT_ONCE
    return ("fail" if refused else "info"), None


def _at_first(operations: Sequence[Operation]) -> Names:
    """What the last list before every change showed. Raises CannotDecide when there was none."""
    changes = [o for o in operations if o.call != "list"]
    lists = [o for o in operations if o.call == "list" and o.outcome == "ok"]
    before = [seen.result for seen in lists if all(seen.precedes(change) for change in changes)]
    if not changes or not before:
        raise CannotDecide("the agents were not listed before the first of them was added or deleted")
    names: Names = before[-1]
    return names


def _enough(operations: Sequence[Operation]) -> None:
    """Raises CannotDecide where nothing was shown."""
    changes = [o for o in operations if o.outcome == "ok" and o.call != "list"]
    if not changes:
        raise CannotDecide("no add or delete succeeded, so that none could be out of order")
    if not any(o.call == "list" and o.outcome == "ok" and not o.precedes(changes[0]) for o in operations):
        raise CannotDecide("the agents could not be listed after they had been added or deleted")
