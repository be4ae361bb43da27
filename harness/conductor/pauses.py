"""Which processes a SIGSTOP of ours holds, and for how long the others have to themselves what these have taken.

The kernel holds a process like that too: one that gets no processor for a while. What matters is what the others do
meanwhile. Those that ask in vain for what it has may give up, and a stop lasts for a number of attempts, not of
seconds, so that a replay takes the same steps.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Collection

from harness.conductor.faults import send
from harness.conductor.lanes import Stop
from harness.processes import stat

# Attempts that must fail, which others may repeat while one is stopped, or questions that one of them may ask again, by
# a process for each, as a shell does that reads whose the lock is. Programs that give up soon do so after three to
# thirty; those that give up after some seconds are to wait on: that is no mistake of theirs.
_IN_VAIN = 40
_STEPS = 500  # of the others: who polls by other calls than attempts at a lock would go on for ever
# The same for a stall, which lasts until programs give up that look at the clock between two attempts: ten seconds is
# the longest that many of them wait. Who hardly sleeps between has tried often enough before that: each try costs.
_STALLED_SECONDS = 11.0
_STALLED_IN_VAIN = _STALLED_STEPS = 1500
# Seconds. Who has itself called after longer is to wait on: that a holder gets no processor for so long is no schedule
# any more. A machine that sleeps, or a container that is frozen, may stall for a minute.
_LIMIT, _STALLED_LIMIT = 5.0, 60.0


Ancestors = frozenset[tuple[int, int]]  # pid and start time of each


class Pauses:
    """The stopped processes of one run."""

    def __init__(self) -> None:
        self._actors: dict[int, str] = {}  # by process
        self._above: dict[int, Ancestors] = {}  # by process: those that may stop with it
        self._in_vain = self._steps = 0  # of the others, since the last stop
        self._asked = Counter[tuple[str, str]]()  # by actor, and what was asked
        self._stalls = False  # whether that is a stall
        self._asked_since: float | None = None  # monotonic: the first attempt in vain since then

    def __bool__(self) -> bool:
        return bool(self._actors)

    def hold(self, process: int, actor: str, *, above: Ancestors = frozenset(), stalls: bool = False) -> None:
        """It has been sent a SIGSTOP; where it `stalls`, the others' time limits are to pass as well.

        `above` are the `ancestors` that it had before.
        """
        self._actors[process] = actor
        self._above[process] = above
        self._in_vain = self._steps = 0
        self._asked.clear()
        self._stalls, self._asked_since = stalls, None

    def concern(self, actor: str) -> bool:
        """Whether a process of the actor is stopped."""
        return actor in self._actors.values()

    @property
    def over(self) -> bool:
        """Whether somebody is stopped, and the others have tried in vain for long enough."""
        if not self._actors:
            return False
        asked = max(self._asked.values(), default=0)
        enough = max(self._in_vain, asked) >= _IN_VAIN or self._steps >= _STEPS
        if not (self._stalls and enough):
            return enough
        return self._in_vain >= _STALLED_IN_VAIN or self._steps >= _STALLED_STEPS or self._asked_for(_STALLED_SECONDS)

    def outlasts(self, looks: int | None) -> bool:
        """Whether it goes on although nobody can, for those that only look, who have done so this often; None: nobody.

        They may give up as those do that ask for a lock. How often they look is not the schedule's affair either.
        """
        if not self._actors or looks is None:
            return False
        self._asked_since = self._asked_since or time.monotonic()
        if self._stalls:
            return looks < _STALLED_IN_VAIN and not self._asked_for(_STALLED_SECONDS)
        return looks < _IN_VAIN and not self._asked_for(_LIMIT)

    @property
    def longest_limit(self) -> float:
        """Seconds: time limits of the others that are no longer than this pass at once."""
        return _STALLED_LIMIT if self._stalls else _LIMIT

    def step(self, stop: Stop, *, in_vain: bool) -> None:
        """Somebody is about to go on, with an attempt that must fail or with another call."""
        self._steps += 1
        if self._actors and not any(touch.writes for touch in stop.point.touches):
            self._asked[stop.call.actor, stop.point.attempt] += 1
        self._in_vain += in_vain
        if self._asked_since is None and in_vain:
            self._asked_since = time.monotonic()

    def _asked_for(self, seconds: float) -> bool:
        return self._asked_since is not None and time.monotonic() - self._asked_since >= seconds

    def end_one(self) -> tuple[str, bool] | None:
        """Let the process that was stopped last go on: its actor, and whether it is still there; None if none was."""
        if not self._actors:
            return None
        process, actor = self._actors.popitem()
        there = send(process, signal.SIGCONT)
        for ancestor, started in self._above.pop(process):
            if _is_stopped(ancestor) and stat.start_time(ancestor) == started:
                send(ancestor, signal.SIGCONT)
        return actor, there


def ancestors(process: int, among: Collection[int]) -> Ancestors:
    """Those of the processes above it that are not stopped, with their start times.

    script(1), sudo and su ask for stopped children (WUNTRACED of waitpid(2)), and then stop themselves, as a shell with
    jobs would have it. Nobody but us could let them go on.
    """
    found: set[int] = set()
    while (process := stat.parent(process)) in among:
        found.add(process)
    return frozenset((ancestor, stat.start_time(ancestor)) for ancestor in found if not _is_stopped(ancestor))


def _is_stopped(process: int) -> bool:
    found = stat.fields(process)
    return found is not None and found[0] == "T"
