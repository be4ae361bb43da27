"""Which processes a SIGSTOP of ours holds, and for how long the others have to themselves what these have taken.

The kernel holds a process like that too: one that gets no processor for a while. What matters is what the others do
meanwhile. Those that ask in vain for what it has may give up, and a stop lasts for a number of attempts, not of
seconds, so that a replay takes the same steps.
"""

from __future__ import annotations

import signal

from harness.conductor.faults import send

# Attempts that must fail, which others may repeat while one is stopped. Programs that give up soon do so after three to
# thirty; those that give up after some seconds are to wait on: that is no mistake of theirs.
_IN_VAIN = 40
_STEPS = 500  # of the others: who polls by other calls than attempts at a lock would go on for ever


class Pauses:
    """The stopped processes of one run."""

    def __init__(self) -> None:
        self._actors: dict[int, str] = {}  # by process
        self._in_vain = self._steps = 0  # of the others, since the last stop

    def __bool__(self) -> bool:
        return bool(self._actors)

    def hold(self, process: int, actor: str) -> None:
        """It has been sent a SIGSTOP."""
        self._actors[process] = actor
        self._in_vain = self._steps = 0

    def concern(self, actor: str) -> bool:
        """Whether a process of the actor is stopped."""
        return actor in self._actors.values()

    @property
    def over(self) -> bool:
        """Whether somebody is stopped, and the others have tried in vain for long enough."""
        return bool(self._actors) and (self._in_vain >= _IN_VAIN or self._steps >= _STEPS)

    def step(self, *, in_vain: bool) -> None:
        """Somebody is about to go on, with an attempt that must fail or with another call."""
        self._steps += 1
        self._in_vain += in_vain

    def end_one(self) -> tuple[str, bool] | None:
        """Let the process that was stopped last go on: its actor, and whether it is still there; None if none was."""
        if not self._actors:
            return None
        process, actor = self._actors.popitem()
        return actor, send(process, signal.SIGCONT)
