"""What shrinking compares: a violating run, and how simple it is."""

from __future__ import annotations

from harness.schedules.decisions import Decisions
from harness.schedules.points import contested
from harness.schedules.trace import Trace


class Best:
    """A violating run, and how simple it is."""

    def __init__(self, trace: Trace, ran: Decisions) -> None:
        self.trace = trace
        self.decisions = Decisions.from_trace(trace, ran.faults, ran.absent)
        self.preemptions = trace.preemptions()

    @property
    def weight(self) -> tuple[int, ...]:
        """The less the simpler."""
        actors = {point.actor for point in self.trace.points}
        switches, faults = len(self.decisions.switches), len(self.decisions.faults)
        return (self.preemptions + faults, faults, len(actors), switches + faults, self._off_races())

    def _off_races(self) -> int:
        """How many switches stand at a point that races with none of another actor."""
        places = {(point.actor, point.index) for point in contested(self.trace.points)}
        return sum((switch.actor, switch.index) not in places for switch in self.decisions.switches)
