"""Which fault strikes at a call that has its turn: one of the decisions, the one that is aimed, or a stop drawn now."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence

from harness.conductor import locks
from harness.conductor.aims import Aimed
from harness.conductor.calls import Family
from harness.conductor.faults import fits, strike
from harness.conductor.lanes import Lane, Lanes, Stop
from harness.conductor.stopped import StoppedCall
from harness.conductor.touching import touches
from harness.conductor.underway import Underway
from harness.events import Scheduled, What
from harness.schedules.decisions import Decisions, Fault
from harness.schedules.points import Point, named
from harness.schedules.strategy import Stopping, Strategy


class Strikes:
    """The faults of one run. `lanes`, by actor, are the scheduler's own."""

    def __init__(
        self,
        decisions: Decisions,
        aimed: Aimed | None,
        strategy: Strategy,
        lanes: Mapping[str, Lanes],
        root: str,
        record: Callable[[What], None],
        underway: Underway,
    ) -> None:
        self.struck: list[Point] = []  # where a fault took place
        self.drawn: list[Fault] = []  # stops, by the strategy
        self._decisions = decisions
        self._aimed = aimed
        self._strategy = strategy
        self._lanes = lanes
        self._root = root
        self._record = record
        self._underway = underway

    @property
    def aimed(self) -> bool:
        """Whether the run has one fault, and no schedule."""
        return self._aimed is not None

    def unordered(self, call: StoppedCall) -> bool:
        """Whether the call need not wait for a turn, as the one fault of the run finds it all the same."""
        return self._aimed is not None and not call.again and self._aimed.unordered(call)

    def without_turn(self, call: StoppedCall) -> bool:
        """Strike at a call that has no turn, if that is meant. False: nobody has released it."""
        fault = self._aimed.at(call, call.actor) if self._aimed else None
        if fault is None:
            return False
        point = Point(actor=call.actor, index=call.index, call=call.kind.name, touches=touches(call, self._root))
        self._record(told(point, (), fault))
        self.carry_out(call, point, fault)
        return True

    def carry_out(self, call: StoppedCall, point: Point, fault: Fault) -> bool:
        """Release the call in this way. False when the fault could not take place."""
        if not strike(call, fault, lambda: self._underway.processes(call.actor)):
            return False
        self.struck.append(point)
        return True

    def at(self, stop: Stop, *, paused: bool) -> Fault | None:
        """The fault that strikes at this point; `paused`: somebody is stopped by an earlier one."""
        if self._aimed is not None:
            return self._aimed.at(stop.call, stop.point.actor)
        fault = self._decisions.fault_at(stop.point) or (None if paused else self._stop(stop))
        return fault if fault is not None and fits(stop.call, fault) else None

    def _stop(self, stop: Stop) -> Fault | None:
        """The stop that the strategy draws, if it does: of who takes or has what another one may wait for."""
        if not isinstance(self._strategy, Stopping):
            return None
        may_matter = (
            locks.takes(stop.call)
            or self._others_ask_in_vain(stop)
            or self._underway.others_look(stop.call.actor)
            or self._others_will_open(stop)
        )
        pause = self._strategy.stops() if may_matter else ""
        if not pause:
            return None
        fault = Fault(stop.point.actor, stop.point.index, pause)
        self.drawn.append(fault)
        return fault

    def _others_ask_in_vain(self, stop: Stop) -> bool:
        return any(lane.retries() or lane.sleeper() for lane in self._others(stop))

    def _others_will_open(self, stop: Stop) -> bool:
        """Whether the call makes what another one is about to open: that one may act on it at once.

        What its maker does behind the call, such as to install a handler for a signal, is no point.
        """
        if stop.call.kind.family not in (Family.REPLACE, Family.OPEN):
            return False
        made = {path for path in stop.call.paths if not os.path.lexists(path)}
        opens = (other.call for lane in self._others(stop) for other in lane.stops)
        return any(c.kind.may_read and not c.open_flags & os.O_CREAT and made.intersection(c.paths) for c in opens)

    def _others(self, stop: Stop) -> Iterator[Lane]:
        return (lane for actor, lanes in self._lanes.items() if actor != stop.call.actor for lane in lanes)


def told(chosen: Point, enabled: Sequence[Point], fault: Fault | None) -> Scheduled:
    """What the history keeps of a turn: the point, who else could have gone, and what was done to the call."""
    objects = named(chosen.touches)
    return Scheduled(
        actor=chosen.actor,
        index=chosen.index,
        call=chosen.call,
        reads=tuple(touch.object for touch in objects if not touch.writes),
        writes=tuple(touch.object for touch in objects if touch.writes),
        others=tuple(point.actor for point in enabled if point != chosen),
        fault=fault.what if fault else "",
    )
