"""What a run's faults and its commands share: the journal, what it tells so far, and the actors.

A scenario's body asks here what has happened by now, for example to do harm at the right moment. Nothing is judged
here: that is the checkers' affair, when the run is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from harness.events import (
    FaultFired,
    FaultPlanned,
    History,
    Hung,
    Noted,
    ReplyHeld,
    ReplySent,
    RequestReceived,
    TokenAnswered,
    What,
)
from harness.journal import Journal
from harness.lab.actor import Actor
from harness.lab.territory import Territory
from harness.processes import tree
from harness.processes.tree import Progress, Stillness
from harness.targets.protocol import Site, Target

HOLD_SECONDS = 60.0  # the most that anything is held when the harness cannot tell that the others are blocked


class Stage(Territory):
    """The journal and the actors of one run."""

    def __init__(self, *, target: Target, site: Site, journal: Journal, faulty: bool) -> None:
        super().__init__(target, site)
        self.environment: dict[str, str] = {}  # of what is started from now on, beside what its adapter sets
        self.faulty = faulty  # False in the control arm: the same work, without the fault
        self.actors: dict[str, Actor] = {}
        self._journal = journal

    def record(self, what: What) -> None:
        self._journal.record(what)

    def note(self, text: str) -> None:
        """Tell the reader of the report something that no checker needs."""
        self.record(Noted(text=text))

    def history(self) -> History:
        """All that was recorded so far."""
        return self._journal.history()

    def plan(self, fault: str) -> None:
        """This fault is to fire in this run; if it does not, the run is INCONCLUSIVE."""
        if self.faulty:
            self.record(FaultPlanned(fault=fault))

    def fired(self, fault: str, detail: str = "") -> None:
        """This fault took place."""
        if self.faulty:
            self.record(FaultFired(fault=fault, detail=detail))

    def rounds(self, names: Iterable[str], alike: Callable[[str], object] = lambda _: None) -> list[str]:
        """The rounds of this run: all of them with the fault, and without it the first of each that are set up alike.

        In the control arm nothing else would tell them apart, so that one stands for all.
        """
        if self.faulty:
            return list(names)
        first: dict[object, str] = {}
        for name in names:
            first.setdefault(alike(name), name)
        return list(first.values())

    # -- the actors ---------------------------------------------------------------------------------------------

    def still_running(self, actors: Sequence[str]) -> Sequence[str]:
        """Those of them that have not ended; one that is still to be started counts."""
        return [name for name in actors if name not in self.actors or not self.actors[name].exited]

    def processes(self, actor: str) -> frozenset[int]:
        """All processes of an actor that are alive; one that never forked is only itself."""
        started = self.actors[actor]
        plural = started.supervisor is None or started.supervisor.plural
        return tree.family({started.pid}) if plural else frozenset({started.pid})

    def progress(self, actors: Sequence[str]) -> Progress:
        """What their processes have done so far, to be compared with a later look."""
        roots = {self.actors[name].pid for name in actors if name in self.actors}
        return tree.progress(tree.family(roots))

    async def settled(self, *actors: Actor) -> None:
        """Wait until each of them has ended or waits for something that it cannot bring about; in either arm."""
        await self._get_no_further(actors, lambda running: running)

    async def _get_no_further(self, actors: Sequence[Actor], at_work: Callable[[Sequence[str]], Sequence[str]]) -> None:
        """Wait until all have ended, or those of the rest that are at work can get no further, or for very long."""
        stillness, give_up = Stillness(), asyncio.get_running_loop().time() + HOLD_SECONDS
        while running := self.still_running([actor.name for actor in actors]):
            if stillness.look(self.progress(at_work(running))) or asyncio.get_running_loop().time() > give_up:
                return
            await asyncio.sleep(Stillness.INTERVAL)

    # -- what the fakes and the harness have seen so far --------------------------------------------------------------

    def asked(self, actor: str, provider: str) -> bool:
        """Whether a request of this actor has reached this provider."""
        seen = self.history().of(RequestReceived)
        return any(what.marker == actor and what.provider == provider for _, what in seen)

    def answered(self, actor: str) -> bool:
        """Whether a request of this actor has been answered, to the end."""
        answered = {what.exchange for _, what in self.history().of(ReplySent)}
        return any(what.marker == actor and what.exchange in answered for _, what in self.history().of(RequestReceived))

    def told(self, actor: str, marker: str) -> bool:
        """Whether a request of this actor has carried this marker, whoever's words it is in."""
        seen = self.history().of(RequestReceived)
        return any(what.marker == actor and marker in what.markers for _, what in seen)

    def was_held(self, gate: str) -> bool:
        """Whether any exchange has waited at this gate, however shortly."""
        return any(what.gate == gate for _, what in self.history().of(ReplyHeld))

    def refused(self, actor: str, status: int) -> bool:
        """Whether a provider has answered a request of this actor with this status."""
        history = self.history()
        asked = {what.exchange for _, what in history.of(RequestReceived) if what.marker == actor}
        return any(what.exchange in asked and what.status == status for _, what in history.of(ReplySent))

    def met(self, rule: str) -> bool:
        """Whether a request has met this rule of the script."""
        return any(what.rule == rule for _, what in self.history().of(RequestReceived))

    def hung(self) -> bool:
        """Whether a command had to be killed because it did not end."""
        return any(True for _ in self.history().of(Hung))

    def replied_with_errors(self) -> int:
        """How many providers have answered with an error."""
        return len({what.provider for _, what in self.history().of(ReplySent) if what.status >= 400})

    def granted(self, family: str) -> bool:
        """Whether a token request of this credential was answered with new tokens."""
        return any(what.family == family and what.status == 200 for _, what in self.history().of(TokenAnswered))

    def decided(self, family: str, decision: str) -> bool:
        """Whether the authorization server has decided so about a token request of this credential."""
        return any(what.family == family and what.decision == decision for _, what in self.history().of(TokenAnswered))

    def refused_grants(self) -> int:
        """How many token requests were refused."""
        return sum(what.status >= 400 for _, what in self.history().of(TokenAnswered))
