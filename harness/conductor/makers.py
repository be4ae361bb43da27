"""Which names were made during a run, and by which process: what one asks for in vain there, somebody may give up.

A name that was there before nobody has as a lock, and a process that asks again for what it has made itself only makes
sure of it, as `mkdir -p` does: who asks for such a name twice does not wait for anybody.
"""

from __future__ import annotations

import os

from harness.conductor.calls import Family
from harness.conductor.stopped import StoppedCall

_MAKING = frozenset({Family.REPLACE, Family.MAKE})
_ALWAYS = frozenset({Family.LOCK, Family.MARK, Family.NETWORK})  # a lock, an attribute, a server's name


class Makers:
    """The names of one run."""

    def __init__(self) -> None:
        self._by_path: dict[str, int] = {}  # the process that made it last

    def see(self, call: StoppedCall, *, in_vain: bool) -> None:
        """Take note of a call that is about to be let go."""
        if call.kind.family in _MAKING or call.open_flags & os.O_CREAT:
            if not in_vain:
                self._by_path[call.path] = call.process
            elif self._by_path.get(call.path) == call.process:
                del self._by_path[call.path]

    def somebody_has(self, call: StoppedCall) -> bool:
        """Whether what the call asks for in vain may be given up by another process of the run, or come to be there.

        A lock always may, and a server.
        """
        if call.kind.family in _ALWAYS:
            return True
        return self._by_path.get(call.path, call.process) != call.process
