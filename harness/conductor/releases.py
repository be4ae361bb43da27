"""Which locks actors let go of without a call of their own: by closing the file, by ending, by a timer.

The kernel tells nobody, and /proc/locks is looked at whenever all actors have settled: what was held before the last
step and is not any more was let go of because of that step. A lock that is not listed though it is held (`holders` says
where) passes for let go of, which makes a step concern others that it does not.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from harness.conductor import holders, locks
from harness.conductor.stopped import StoppedCall
from harness.schedules.points import HELD, Touch

_Line = tuple[str, ...]


class Releases:
    """Follows the locks of one run."""

    def __init__(self) -> None:
        self._objects: dict[str, frozenset[str]] = {}  # by file, as /proc/locks names it: what its lockers touch
        self._held: frozenset[_Line] = frozenset()

    def expect(self, call: StoppedCall, touches: Collection[Touch]) -> None:
        """A call is about to be let go: if it takes a lock, that one is followed from now on."""
        if locks.locks(call):
            with suppress(OSError):  # the caller is gone
                name = holders.name_in_locks(call.thread, call.args[0] & 0xFFFFFFFF)
                found = {touch.object for touch in touches if touch.object.startswith(HELD)}
                self._objects[name] = self._objects.get(name, frozenset()) | found

    def found(self) -> tuple[Touch, ...]:
        """What the step since the last look has changed by letting locks go."""
        if not self._objects:
            return ()
        before, self._held = self._held, frozenset(holders.held_on(self._objects))
        files = {line[holders.FILE] for line in before - self._held}
        return tuple(Touch(name, True) for name in sorted({name for file in files for name in self._objects[file]}))
