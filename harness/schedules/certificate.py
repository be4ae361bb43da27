"""What an exploration of schedules showed, as a value and as a paragraph: how much was run, and what that leaves out.

It claims no more than was done: a bound, a run cut off or a replay that went another way each take "exhaustive" away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from harness.verdict import Verdict, merge


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """Which points count as dependent, and what that does not see."""

    name: str
    unseen: tuple[str, ...]


TOUCHES = Relation(
    name="two points are dependent if they are one actor's, or touch one object and one of them changes it",
    unseen=(
        "what programs do between their points",
        "objects that the conductor does not watch",
        "time, randomness and everything else that differs between runs of one schedule",
    ),
)


class Coverage(Enum):
    """How much of all schedules was covered."""

    EXHAUSTIVE = "exhaustive"  # every class of schedules
    BOUNDED = "bounded"  # every class that has a schedule with at most k preemptions
    PARTIAL = "partial"  # what was run, and no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The account of one exploration. An execution is one run; a class, runs that differ in no order that matters."""

    actors: Mapping[str, int]  # by name: the most points that it had in one run
    executions: int = 0
    classes: int = 0
    repeated: int = 0  # executions of a class that had been run before
    blocked: int = 0  # executions broken off as redundant: all who could go on were asleep
    cut_off: int = 0  # executions that reached the bound on steps
    diverged: int = 0  # prefixes that a program did not follow again
    stuck: int = 0  # classes that end with actors waiting for each other
    open: int = 0  # branches known and not run
    preemptions: int | None = None  # the bound on them
    limit: int | None = None  # the bound on executions, if it was reached
    relation: Relation = TOUCHES
    verdicts: Mapping[Verdict, int] = field(default_factory=dict)  # of the executions that were judged

    @property
    def coverage(self) -> Coverage:
        if self.cut_off or self.diverged or self.open or not self.executions:
            return Coverage.PARTIAL
        return Coverage.EXHAUSTIVE if self.preemptions is None else Coverage.BOUNDED

    @property
    def verdict(self) -> Verdict:
        """The worst of all runs; UNKNOWN rather than CONFORMS where what was set out to be covered was not."""
        partial = [Verdict.UNKNOWN] if self.coverage is Coverage.PARTIAL else []
        return merge([*partial, *(verdict for verdict, count in self.verdicts.items() if count)])

    def __str__(self) -> str:
        return " ".join([self._head(), self._found(), *self._spent(), *self._gaps(), self._limits()])

    def _head(self) -> str:
        what = f"{_many(self.classes, 'class', 'classes')} of schedules of {self._who()}"
        match self.coverage:
            case Coverage.EXHAUSTIVE:
                return f"Exhaustive: {self.classes} of {what} {_were(self.classes)} run;"
            case Coverage.BOUNDED:
                bound = _many(self.preemptions or 0, "preemption")
                return f"Bounded: all schedules with at most {bound} are covered, {what};"
            case Coverage.PARTIAL:
                return f"Not exhaustive: {what} {_were(self.classes)} run;"

    def _who(self) -> str:
        counts = sorted(set(self.actors.values()))
        actors = _many(len(self.actors), "actor")
        if len(counts) == 1:
            return f"{actors} with {_many(counts[0], 'point')}{' each' if len(self.actors) > 1 else ''}"
        return f"{actors} ({', '.join(f'{name} with up to {n}' for name, n in sorted(self.actors.items()))} points)"

    def _found(self) -> str:
        bad = [v for v in reversed(Verdict) if v is not Verdict.CONFORMS and self.verdicts.get(v)]
        held = "none violated a rule" if self.verdicts else "none was judged"
        judged = ", ".join(f"{self.verdicts[verdict]} {verdict.value}" for verdict in bad) or held
        stuck = f", and in {self.stuck} the actors waited for each other for ever" if self.stuck else ""
        return f"{judged}{stuck}."

    def _spent(self) -> list[str]:
        extra = [
            f"{self.blocked} broken off as redundant" if self.blocked else "",
            f"{self.repeated} of classes run before" if self.repeated else "",
        ]
        more = ", ".join(filter(None, extra))
        return [f"It took {_many(self.executions, 'execution')}{f' ({more})' if more else ''}."]

    def _gaps(self) -> list[str]:
        reached = self.limit
        gaps = [
            f"The bound of {_many(reached, 'execution')} was reached." if reached is not None else "",
            f"{_many(self.open, 'branch', 'branches')} known and not run." if self.open else "",
            f"{_many(self.cut_off, 'execution')} cut off at the bound on steps." if self.cut_off else "",
            f"{_many(self.diverged, 'prefix', 'prefixes')} not followed again by the programs."
            if self.diverged
            else "",
        ]
        return [gap for gap in gaps if gap]

    def _limits(self) -> str:
        beyond = (
            [f"schedules with more than {_many(self.preemptions, 'preemption')}"]
            if self.preemptions is not None
            else []
        )
        unseen = [*beyond, *self.relation.unseen]
        return f"Dependency: {self.relation.name}. It does not cover {'; '.join(unseen)}."


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count} {one if count == 1 else more or one + 's'}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
