"""Small programs on shared objects, run in one process: what a strategy does is seen without any real process.

A program is a list of operations; each is a point. Locks block: an actor that waits for one is not enabled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.schedules.points import Point, Touch
from harness.schedules.strategy import Choice, Strategy
from harness.schedules.trace import Step, Trace


@dataclass(frozen=True, slots=True)
class Op:
    """ "read"/"write" of a shared variable, "lock"/"unlock", or "set": write what was read before, plus one."""

    kind: str
    object: str


Programs = Mapping[str, Sequence[Op]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One execution: its trace and the final values; `stuck` when all that were left waited for locks."""

    trace: Trace
    values: Mapping[str, int]
    stuck: bool


def point(actor: str, index: int, op: Op) -> Point:
    locks = op.kind in ("lock", "unlock")
    touch = Touch(f"lock:{op.object}" if locks else op.object, op.kind != "read")
    return Point(actor=actor, index=index, call=op.kind, touches=(touch,))


def simulate(programs: Programs, strategy: Strategy) -> Ran:
    """Run the programs to their end, one point at a time, as the strategy says."""
    at = dict.fromkeys(programs, 0)
    values: dict[str, int] = {}
    seen: dict[str, int] = {}  # by actor: what it last read
    holders: dict[str, str] = {}
    steps: list[Step] = []
    while open_ := [actor for actor in sorted(programs) if at[actor] < len(programs[actor])]:
        ops = {actor: programs[actor][at[actor]] for actor in open_}
        free = [a for a in open_ if not (ops[a].kind == "lock" and holders.get(ops[a].object, a) != a)]
        if not free:
            return Ran(trace=Trace(tuple(steps)), values=values, stuck=True)
        enabled = tuple(point(actor, at[actor], ops[actor]) for actor in free)
        last = steps[-1].chosen if steps else None
        chosen = strategy.choose(Choice(step=len(steps), enabled=enabled, last=last))
        assert chosen in enabled
        steps.append(Step(enabled=enabled, chosen=chosen))
        _apply(ops[chosen.actor], chosen.actor, values, seen, holders)
        at[chosen.actor] += 1
    return Ran(trace=Trace(tuple(steps)), values=values, stuck=False)


def _apply(op: Op, actor: str, values: dict[str, int], seen: dict[str, int], holders: dict[str, str]) -> None:
    match op.kind:
        case "read":
            seen[actor] = values.get(op.object, 0)
        case "write":
            values[op.object] = seen.get(actor, 0) * 2 + 1 + sum(map(ord, actor))
        case "set":
            values[op.object] = seen.get(actor, 0) + 1
        case "lock":
            holders[op.object] = actor
        case "unlock":
            del holders[op.object]
