"""Which locks actors let go of without a call of their own, and at which sockets they listen no more.

They do so by closing the file, by ending, by a timer. The kernel tells nobody, and /proc/locks and the list of sockets
are looked at whenever all actors have settled: what was held before the last step and is not any more was let go of
because of that step. A lock that is not listed though it is held (`holders` says where) passes for let go of, which
makes a step concern others that it does not.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from harness.conductor import holders, locks, sockets
from harness.conductor.stopped import StoppedCall
from harness.schedules.points import ANSWERED, HELD, Touch, named

_Line = tuple[str, ...]
_NAMING = frozenset({"bind", "listen"})  # a socket for datagrams answers from the first on


class Releases:
    """Follows the locks and the listening sockets of one run."""

    def __init__(self) -> None:
        self._objects: dict[str, frozenset[str]] = {}  # by file, as /proc/locks names it: what its lockers touch
        self._held: frozenset[_Line] = frozenset()
        self._servers: dict[int, frozenset[str]] = {}  # by socket: what its clients touch
        self._listening: frozenset[int] = frozenset()

    def expect(self, call: StoppedCall, touches: Collection[Touch]) -> None:
        """A call is about to be let go: what takes a lock, or gives a socket its name, is followed from now on."""
        with suppress(OSError):  # the caller is gone
            if call.kind.name in _NAMING:
                paths = frozenset(ANSWERED + touch.object for touch in named(touches))
                self._servers[sockets.number(call.thread, call.args[0])] = paths
            elif locks.locks(call):
                name = holders.name_in_locks(call.thread, call.args[0] & 0xFFFFFFFF)
                found = {touch.object for touch in touches if touch.object.startswith(HELD)}
                self._objects[name] = self._objects.get(name, frozenset()) | found

    def found(self) -> tuple[Touch, ...]:
        """What the step since the last look has changed by letting locks go, or by closing sockets."""
        names = (self._unlocked() if self._objects else set()) | (self._closed() if self._servers else set())
        return tuple(Touch(name, True, behind=True) for name in sorted(names))

    def _unlocked(self) -> set[str]:
        before, self._held = self._held, frozenset(holders.held_on(self._objects))
        files = {line[holders.FILE] for line in before - self._held}
        return {name for file in files for name in self._objects[file]}

    def _closed(self) -> set[str]:
        with suppress(OSError):  # it cannot be told here
            before, self._listening = self._listening, sockets.answering() & self._servers.keys()
            return {name for socket in before - self._listening for name in self._servers[socket]}
        return set()
