"""Who waits by sleeping a little, again and again, and looks in between by calls that are no points.

`while not os.path.exists("ready"): time.sleep(0.01)` is one, and so is a client that connects until there is a server.
Such a program never stops, and is never asleep for long. That it has woken up ten times, and hardly worked, tells what
it does. From then on it is given the time for a look of its own after each step of the others, and no more.
"""

from __future__ import annotations

from collections.abc import Collection

from harness.processes.quiet import Quiet, Turns

# On a processor since the last step: a shell's first may have begun before that, and its second is over with the third.
_TURNS = 3
_LONGEST = 0.1  # seconds asleep: who sleeps for longer between its looks is not waited for at each step


class Nappers:
    """Those of one run."""

    def __init__(self) -> None:
        self._turns: dict[str, Turns] = {}  # by actor: since the last step of anybody

    def __contains__(self, actor: str) -> bool:
        return actor in self._turns

    def found(self, actor: str, quiet: Quiet, processes: Collection[int]) -> bool:
        """Whether an actor that is on its way does nothing but look, and has looked since the last step."""
        if actor not in self._turns:
            if not quiet.naps(processes):
                return False
            self._turns[actor] = Turns(processes)
            return True
        return quiet.dozes() and (self._turns[actor].since(processes) >= _TURNS or quiet.slept > _LONGEST)

    def looks(self, actor: str, processes: Collection[int]) -> int:
        """How often one of them has looked since the last step, at most."""
        return self._turns[actor].since(processes)

    def stops(self, actor: str) -> None:
        """It has come to a point: it has found what it was looking for."""
        self._turns.pop(actor, None)

    def something_happens(self, actor: str, processes: Collection[int]) -> bool:
        """Somebody is about to go on. Whether the actor is one that has to look again after that."""
        if actor not in self._turns:
            return False
        self._turns[actor] = Turns(processes)
        return True
