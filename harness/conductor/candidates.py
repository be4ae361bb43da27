"""Whose turn it can be once all actors have settled: at most one call of each process, and the replies of fakes.

Who would ask in vain again, or sleep for a lock, is no candidate for as long as anybody else can go on, or may come
back by himself. Which of the candidates goes is the strategy's choice, and none of this module's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from harness.conductor.drawn import Drawn
from harness.conductor.fairness import Tries
from harness.conductor.lanes import Lane, Lanes, Stop
from harness.conductor.makers import Makers
from harness.conductor.parties import Held, Replies
from harness.conductor.pauses import Pauses
from harness.conductor.polls import Polls
from harness.conductor.stopped import StoppedCall
from harness.conductor.supervisor import Supervisor

_ASLEEP = 1.0  # seconds for which a sleeping actor is waited for, before an attempt is repeated that must fail again


class Candidates:
    """Those of one run. `lanes` and `supervisors`, by actor, and the rest are the scheduler's own, and may change."""

    def __init__(
        self,
        lanes: Mapping[str, Lanes],
        supervisors: Mapping[str, Supervisor],
        replies: Replies,
        pauses: Pauses,
        drawn: Drawn,
    ) -> None:
        self._lanes = lanes
        self._supervisors = supervisors
        self._replies = replies
        self._pauses = pauses
        self._drawn = drawn
        self._makers = Makers()
        self._tries = Tries()
        self._polls = Polls()
        self._poll: Stop | None = None  # the only one who could go on, and asks what it knows
        self._asleep_since: float | None = None

    def find(self, root: str, steps: int) -> list[Stop | Held]:
        """Whose turn it can be, after so many steps, in the order of their names. To sleep only in the last resort."""
        replies = self._replies.waiting()
        stops = [stop for lane in self._each_lane() if (stop := lane.ready(self._makers))]
        if not stops and not replies and self._nobody_comes() and not any(lane.retries() for lane in self._each_lane()):
            stops = [stop for lane in self._each_lane() if (stop := lane.sleeper())]
        if stops:
            self._asleep_since = None
        for stop in stops:
            stop.look_again(root, steps, self._drawn)
        self._poll = self._polls.lone(stops) if not replies else None
        if self._poll is not None:
            return []
        return sorted([*stops, *replies], key=lambda waiting: waiting.point.actor)

    def in_vain(self) -> Stop | None:
        """Who asks again although it must fail, where nobody can go on: None for as long as somebody may come back.

        Or who, behind such an attempt, only reads again what it has read.
        """
        if self._poll is not None:
            return self._poll
        stops = [stop for lane in self._each_lane() if (stop := lane.retries())]
        if not stops or self._replies.waiting() or not self._nobody_comes():
            return None
        return self._tries.next(stops)

    def see(self, call: StoppedCall, *, in_vain: bool) -> None:
        """Take note of a call that is about to be let go."""
        self._makers.see(call, in_vain=in_vain)

    def step(self, stop: Stop, *, in_vain: bool, again: bool) -> None:
        """Take note of who has its turn, or tries `again`."""
        self.see(stop.call, in_vain=in_vain)
        self._tries.step(stop.call.actor, in_vain=in_vain or again)
        self._polls.step(stop, again=again)

    def _each_lane(self) -> Iterator[Lane]:
        return (lane for lanes in self._lanes.values() for lane in lanes)

    def _nobody_comes(self) -> bool:
        """Whether every living actor waits for its turn, or those that sleep have slept for long."""
        alive = [actor for actor, supervisor in self._supervisors.items() if not supervisor.ended.is_set()]
        if all(self._lanes[actor].helpless() or self._pauses.concern(actor) for actor in alive):
            return True
        now = asyncio.get_running_loop().time()
        self._asleep_since = self._asleep_since or now
        return now - self._asleep_since > _ASLEEP
