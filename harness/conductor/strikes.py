"""Which fault strikes at a call that has its turn: one of the decisions, the one that is aimed, or a stop drawn now."""

from __future__ import annotations

from collections.abc import Mapping

from harness.conductor import locks
from harness.conductor.aims import Aimed
from harness.conductor.faults import fits
from harness.conductor.lanes import Lanes, Stop
from harness.conductor.stopped import StoppedCall
from harness.schedules.decisions import Decisions, Fault
from harness.schedules.strategy import Stopping, Strategy


class Strikes:
    """The faults of one run. `lanes`, by actor, are the scheduler's own."""

    def __init__(
        self, decisions: Decisions, aimed: Aimed | None, strategy: Strategy, lanes: Mapping[str, Lanes]
    ) -> None:
        self.drawn: list[Fault] = []  # stops, by the strategy
        self._decisions = decisions
        self._aimed = aimed
        self._strategy = strategy
        self._lanes = lanes

    def unordered(self, call: StoppedCall) -> bool:
        """Whether the call need not wait for a turn, as the one fault of the run finds it all the same."""
        return self._aimed is not None and not call.again and self._aimed.unordered(call)

    def without_turn(self, call: StoppedCall) -> Fault | None:
        """The fault that strikes at a call that has no turn."""
        return self._aimed.at(call, call.actor) if self._aimed else None

    def at(self, stop: Stop, *, paused: bool) -> Fault | None:
        """The fault that strikes at this point; `paused`: somebody is stopped by an earlier one."""
        if self._aimed is not None:
            return self._aimed.at(stop.call, stop.point.actor)
        fault = self._decisions.fault_at(stop.point) or (None if paused else self._stop(stop))
        return fault if fault is not None and fits(stop.call, fault) else None

    def _stop(self, stop: Stop) -> Fault | None:
        """The stop that the strategy draws, if it does: of who takes or has what another one may ask for in vain."""
        if not isinstance(self._strategy, Stopping):
            return None
        if not (locks.takes(stop.call) or self._others_ask_in_vain(stop)) or not self._strategy.stops():
            return None
        fault = Fault(stop.point.actor, stop.point.index, "SIGSTOP")
        self.drawn.append(fault)
        return fault

    def _others_ask_in_vain(self, stop: Stop) -> bool:
        others = (lanes for actor, lanes in self._lanes.items() if actor != stop.call.actor)
        return any(lane.retries() or lane.sleeper() for lanes in others for lane in lanes)
