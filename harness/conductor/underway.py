"""Which actors are on their way to their next stop, and which can get no further by themselves.

An actor that was let go is under way until it stops, ends, or falls quiet. One that sleeps is asked no more until the
step of another wakes it up. Nothing here decides who goes next: that is the scheduler's, once nobody is under way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.conductor import kernel, operands
from harness.conductor.lanes import Lanes
from harness.conductor.lookers import Lookers
from harness.conductor.nappers import Nappers
from harness.conductor.parties import Trees
from harness.conductor.stopped import StoppedCall
from harness.conductor.supervisor import Supervisor
from harness.processes import stat, tree
from harness.processes.quiet import Quiet, Tickers

# Seconds of its own after which an actor that neither stops nor sleeps is not waited for: it may be trying again and
# again to have what another one holds, by calls that are not watched. When it stops after all, it waits as ever.
_BUSY = 10.0
LEAVING = 1.0  # seconds: the most that an end takes in the kernel, which waits for nobody there


class Underway:
    """Follows the actors of one run. `lanes` and `supervisors`, by actor, are the scheduler's own and may grow."""

    def __init__(self, lanes: Mapping[str, Lanes], supervisors: Mapping[str, Supervisor], surroundings: Trees) -> None:
        self._lanes = lanes
        self._supervisors = supervisors
        self._surroundings = surroundings
        self._running: dict[str, Quiet] = {}  # actors that have neither stopped nor ended nor fallen quiet
        self._asleep: dict[str, Quiet] = {}  # those that were struck off from there without having stopped
        self._tickers: dict[str, Tickers] = {}
        self._lookers = Lookers()
        self._nappers = Nappers()

    def sets_out(self, actor: str) -> None:
        """It was started, or let go."""
        self._running[actor] = Quiet(operands.read_memory, self._tickers.setdefault(actor, Tickers()))
        self._asleep.pop(actor, None)

    def stops(self, actor: str, thread: int) -> None:
        """A thread of it has come to a point."""
        self._nappers.stops(actor)
        self._tickers[actor].stops(thread)
        self._running.pop(actor, None)
        self._asleep.pop(actor, None)

    def is_alone(self, actor: str) -> bool:
        """Whether nobody else is under way, who might change something meanwhile."""
        return self._running.keys() == {actor}

    def anybody(self) -> bool:
        """Whether an actor is on its way to its next stop, as far as can be told at once."""
        self._awaken()
        for actor in list(self._running):
            if self._supervisors[actor].ended.is_set() or self._looks_quiet(actor):
                del self._running[actor]
        return bool(self._running)

    def strike_off(self, *, others_wait: bool) -> None:
        """Strike off actors that have ended or can get no further; `others_wait`: somebody may need what they have."""
        for actor, quiet in list(self._running.items()):
            ended = self._supervisors[actor].ended.is_set()
            if ended or self._gets_no_further(actor, quiet, others_wait):
                del self._running[actor]
                if not (ended or self._lanes[actor].stopped()):
                    self._asleep[actor] = quiet

    def only_looks(self, call: StoppedCall) -> bool:
        """Take note of a call without a turn. True if its actor is not waited for any more, as it does nothing else."""
        if not (self._lookers.see(call) and call.actor in self._running):
            return False
        quiet = self._running.pop(call.actor)
        if not self._lanes[call.actor].stopped():
            self._asleep[call.actor] = quiet
        return True

    def bury(self) -> bool:
        """Wait for the ends of those that were killed where they waited. True: someone was, and others may notice."""
        found = [(actor, process) for actor, lanes in self._lanes.items() for process in lanes.bury()]
        for actor, process in found:
            if stat.is_dying(process):
                kernel.await_end(process, LEAVING)
            self.sets_out(actor)
        return bool(found)

    def pass_limit(self, longest: float) -> str:
        """Tell one actor that sleeps for a lock that its time limit is over; "" if none has one of so few seconds."""
        for actor, lanes in self._lanes.items():
            if lanes.sleeps() and self._supervisors[actor].limits.pass_one(self.processes(actor), longest):
                self.sets_out(actor)
                return actor
        return ""

    def others_look(self, actor: str) -> bool:
        """Whether another one does nothing but look whether something is there."""
        return self.looks(but=lambda other: other == actor) is not None

    def looks(self, *, but: Callable[[str], bool]) -> int | None:
        """How often those have looked since the last step who do nothing else, whoever has least; None: nobody does."""
        awake = (a for a in self._lanes if a in self._nappers and not (but(a) or self._supervisors[a].ended.is_set()))
        return min((self._nappers.looks(actor, self.processes(actor)) for actor in awake), default=None)

    def something_happens(self) -> None:
        """A call is about to be let go. Who sleeps and looks in turns may find what it waits for behind it."""
        self._lookers.something_happens()
        for actor in list(self._asleep):
            if self._nappers.something_happens(actor, self.processes(actor)):
                self.sets_out(actor)

    def reply_goes(self) -> None:
        """Whom the reply of a fake concerns is seen by who wakes up: one of those that sleep."""
        for actor, lanes in self._lanes.items():
            if not lanes.stopped() and not self._supervisors[actor].ended.is_set():
                self.sets_out(actor)

    def processes(self, actor: str) -> frozenset[int]:
        """All that are known of the actor."""
        known = self._surroundings.processes(actor) | self._lanes[actor].processes()
        orphans = self._supervisors[actor].orphans()
        return known | tree.family(orphans) if orphans else known

    def _awaken(self) -> None:
        """Whom the last step has woken up, by a pipe, a signal, a futex, is on its way again before anybody goes on."""
        for actor, quiet in list(self._asleep.items()):
            awake = quiet.awake(self.processes(actor)) and not self._is_busy(actor, quiet)
            if self._supervisors[actor].unheard() or awake:
                self._running[actor] = self._asleep.pop(actor)

    def _is_busy(self, actor: str, quiet: Quiet) -> bool:
        """Whether an actor that is awake has been so for long, or is one that wakes up by itself to look."""
        return actor in self._nappers or quiet.lasts(_BUSY, self.processes(actor))

    def _looks_quiet(self, actor: str) -> bool:
        """Whether an actor that has a stopped call, and more than one thread, has nothing else going on.

        Two looks tell at once, but for one that may have sent something to a fake, and where another of its processes
        will go on soon by itself: `strike_off` gives these their time.
        """
        if self._supervisors[actor].converses:
            return False
        quiet, processes, lanes = self._running[actor], self.processes(actor), self._lanes[actor]
        stopped, free = lanes.threads(), processes - lanes.waiting()
        if not (stopped and any(quiet.look(processes, stopped=stopped, awaken=free) for _ in range(2))):
            return False
        # One that was born before the looks and after the list was made was not looked at.
        return not self._supervisors[actor].unheard() and self.processes(actor) <= processes

    def _gets_no_further(self, actor: str, quiet: Quiet, others_wait: bool) -> bool:
        """Whether an actor sleeps, or was busy for so long that it may need what one of those has who wait."""
        processes = self.processes(actor)
        if quiet.look(processes, stopped=self._lanes[actor].threads()) or self._nappers.found(actor, quiet, processes):
            return not self._supervisors[actor].unheard()
        return others_wait and quiet.lasts(_BUSY, processes)
