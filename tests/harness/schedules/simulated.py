"""Small programs on shared objects, run in one process: what a strategy does is seen without any real process.

A program is a list of operations; each is a point, but for `If`. Locks block: an actor that waits is not enabled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.schedules.points import Point, Touch
from harness.schedules.strategy import Choice, Strategy
from harness.schedules.trace import Step, Trace


@dataclass(frozen=True, slots=True)
class Op:
    """ "read"/"write" of a shared variable, or "set": write what was read before, plus one; for locks:

    "lock"/"unlock"; "share", which others may do at the same time; "trylock", which never waits, and counts as reading
    1 if it got the lock, else 0; and "drop", which lets go of a lock without touching any object, as the end of a
    process does.
    """

    kind: str
    object: str


@dataclass(frozen=True, slots=True)
class If:
    """No point of its own: whether what the actor read last is odd says how it goes on."""

    odd: tuple[Op | If, ...]
    even: tuple[Op | If, ...] = ()


Programs = Mapping[str, Sequence[Op | If]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One execution: its trace and the final values; `waiting` is all that was left, for locks that nobody lets go."""

    trace: Trace
    values: Mapping[str, int]
    waiting: tuple[Point, ...] = ()
    cut_off: bool = False  # the bound on steps was reached

    @property
    def stuck(self) -> bool:
        return bool(self.waiting)


def point(actor: str, index: int, op: Op) -> Point:
    locks = op.kind in ("lock", "share", "unlock", "trylock")
    touch = Touch(f"lock:{op.object}" if locks else op.object, op.kind not in ("read", "share"))
    return Point(actor=actor, index=index, call=op.kind, touches=() if op.kind == "drop" else (touch,))


def simulate(programs: Programs, strategy: Strategy, limit: int | None = None) -> Ran:
    """Run the programs to their end, one point at a time, as the strategy says."""
    state = State(programs)
    steps: list[Step] = []
    while state.open:
        enabled = state.enabled()
        if not enabled or len(steps) == limit:
            waiting = () if enabled else state.pending()
            return Ran(trace=Trace(tuple(steps)), values=state.values, waiting=waiting, cut_off=bool(enabled))
        last = steps[-1].chosen if steps else None
        chosen = strategy.choose(Choice(step=len(steps), enabled=enabled, last=last))
        assert chosen in enabled
        steps.append(Step(enabled=enabled, chosen=chosen))
        state.go(chosen.actor)
    return Ran(trace=Trace(tuple(steps)), values=state.values)


@dataclass(slots=True)
class State:
    """Where all actors are."""

    programs: Programs
    values: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)  # by actor: what it last read
    holders: dict[str, frozenset[str]] = field(default_factory=dict)  # by lock
    shared: frozenset[str] = frozenset()  # the locks that are held by who shares them
    at: dict[str, int] = field(default_factory=dict)
    rest: dict[str, tuple[Op | If, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for actor, program in self.programs.items():
            self.at[actor] = 0
            self._continue(actor, tuple(program))

    @property
    def open(self) -> list[str]:
        return [actor for actor in sorted(self.rest) if self.rest[actor]]

    def pending(self) -> tuple[Point, ...]:
        return tuple(point(actor, self.at[actor], self._op(actor)) for actor in self.open)

    def enabled(self) -> tuple[Point, ...]:
        return tuple(p for p in self.pending() if not self._waits(p.actor))

    def go(self, actor: str) -> None:
        self._apply(self._op(actor), actor)
        self.at[actor] += 1
        self._continue(actor, self.rest[actor][1:])

    def copy(self) -> State:
        other = State({})
        other.values, other.seen, other.holders = dict(self.values), dict(self.seen), dict(self.holders)
        other.at, other.rest, other.shared = dict(self.at), dict(self.rest), self.shared
        return other

    def _waits(self, actor: str) -> bool:
        op = self._op(actor)
        others = self.holders.get(op.object, frozenset()) - {actor}
        return bool(others) and (op.kind == "lock" or (op.kind == "share" and op.object not in self.shared))

    def _op(self, actor: str) -> Op:
        op = self.rest[actor][0]
        assert isinstance(op, Op)
        return op

    def _continue(self, actor: str, rest: tuple[Op | If, ...]) -> None:
        while rest and isinstance(branch := rest[0], If):
            rest = (branch.odd if self.seen.get(actor, 0) % 2 else branch.even) + rest[1:]
        self.rest[actor] = rest

    def _apply(self, op: Op, actor: str) -> None:
        held = self.holders.get(op.object, frozenset())
        match op.kind:
            case "read":
                self.seen[actor] = self.values.get(op.object, 0)
            case "write":
                self.values[op.object] = self.seen.get(actor, 0) * 2 + 1 + sum(map(ord, actor))
            case "set":
                self.values[op.object] = self.seen.get(actor, 0) + 1
            case "trylock":
                self.seen[actor] = int(not held - {actor})
                self.holders[op.object] = held or frozenset({actor})
            case "lock" | "share":
                self.holders[op.object] = held | {actor}
                self.shared = self.shared | {op.object} if op.kind == "share" else self.shared - {op.object}
            case "unlock" | "drop":
                self.holders[op.object] = held - {actor}
