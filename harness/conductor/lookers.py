"""Who waits without sleeping: it only looks, again and again, whether something is there.

A shell under `set -C` looks for a lock file before it tries to make it, so that one that waits for the lock makes no
call that is a point; nor does `while test -e lock`. /proc does not tell such a program from one that works. That it has
looked at one name so many times, and done nothing else that concerns the run, does.
"""

from __future__ import annotations

from harness.conductor.calls import Family
from harness.conductor.stopped import StoppedCall

_ENOUGH = 20  # looks: some libraries ask two or three times, and a round is quick


class Lookers:
    """Counts the looks of each actor at one name since anybody has done something."""

    def __init__(self) -> None:
        self._looks: dict[str, tuple[str, int]] = {}  # by actor: at which name, and how often

    def see(self, call: StoppedCall) -> bool:
        """Take note of a call of the run. True when its actor does nothing but look, as far as can be told."""
        if call.kind.family is not Family.LOOK:
            self._looks.pop(call.actor, None)
            return False
        path, times = self._looks.get(call.actor, ("", 0))
        times = times + 1 if path == call.path else 1
        self._looks[call.actor] = call.path, times
        return times >= _ENOUGH

    def something_happens(self) -> None:
        """What is there may be gone, or the other way round: who looks has to look again."""
        self._looks.clear()
