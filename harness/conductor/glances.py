"""What an actor looks at behind its point, by calls that have no turn of their own: is a file there, how old is it.

Such a look belongs to the turn of the point before, and so the order of that turn and of another one's change of the
file can matter, though the point by itself has nothing to do with it. That a folder is made or removed is left out:
nearly every program makes sure of those that it needs, and many times as many orders would differ.
"""

from __future__ import annotations

from harness.conductor.calls import Family
from harness.conductor.stopped import StoppedCall
from harness.conductor.touching import looked_at
from harness.schedules.points import Touch


class Glances:
    """Those since the last step of a run."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._paths: set[str] = set()
        self._found: dict[Touch, None] = {}  # a set that keeps its order

    def see(self, call: StoppedCall) -> None:
        """Take note of a call without a turn, of the actor that went last."""
        if call.kind.family is Family.LOOK and call.path not in self._paths:  # some libraries ask two or three times
            self._paths.add(call.path)
            self._found |= dict.fromkeys(looked_at(call, self._root))

    def found(self) -> tuple[Touch, ...]:
        """What was looked at since this was asked for the last time."""
        found = tuple(self._found)
        self._paths.clear()
        self._found.clear()
        return found
