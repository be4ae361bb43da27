"""Who does nothing but ask, again and again, for what somebody else has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from harness.conductor import locks
from harness.conductor.stopped import StoppedCall


class Contenders:
    """Counts what each actor asks for in vain: a lock that is taken, a name that exists.

    A program that polls for a lock is never still, least of all on a busy machine, where each of its attempts waits for
    a processor: /proc alone does not tell it from one that works. That it has asked in vain twice since the last of the
    others ended or arrived does.
    """

    def __init__(self) -> None:
        self._times: Counter[str] = Counter()  # by actor
        self._before: Counter[str] = Counter()
        self._others: frozenset[str] = frozenset()

    def see(self, call: StoppedCall) -> None:
        """Take note of a call. A lock that is had at last ends the waiting."""
        if locks.in_vain(call):
            self._times[call.actor] += 1
        elif locks.locks(call):
            self._before[call.actor] = self._times[call.actor]

    def at_work(self, others: Collection[str]) -> Sequence[str]:
        """Those of the actors that have not asked in vain twice since these were the ones that are looked at."""
        if frozenset(others) != self._others:
            self._others, self._before = frozenset(others), self._times.copy()
        return [actor for actor in others if self._times[actor] < self._before[actor] + 2]
