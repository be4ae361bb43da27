"""One run's world: a folder, the fakes, the actors, and the order in which things happened to them.

The lab is all that a scenario's body can touch. It starts commands under the conductor, scripts the fakes, injects
faults when this is the arm that has them, and leaves nothing behind: no process, no port, no folder.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fakes.oauth import OAuthSettings, SeededCredential
from fakes.script import Reply, Rule, Script, Text
from fakes.script import Match as Match
from fakes.server import Fakes
from harness.actor import Actor, Streams
from harness.conductor.calls import Family
from harness.conductor.directors import Barrier, KillAt, Onlooker, Where
from harness.conductor.supervisor import Director, StoppedCall
from harness.errors import TargetFailed
from harness.events import (
    ChildBeat,
    FaultFired,
    FaultPlanned,
    History,
    Noted,
    ProcessSeen,
    SurvivorSeen,
    TreeSeen,
    What,
)
from harness.journal import Journal
from harness.observe import look_at_credentials, look_at_document, look_at_workspace
from harness.outcome import Outcome, RunSeen
from harness.processes import tree
from harness.processes.client import LauncherClient
from harness.processes.tree import Progress
from harness.targets.protocol import AddAgent, Intent, ListAgents, ListRuns, Setup, Site, Target, Turn

HOLD_SECONDS = 30.0  # the most that a barrier waits when it cannot tell that the others are blocked


class Lab:
    """What a scenario's body works with. Built by the runner, for one run."""

    def __init__(
        self,
        *,
        target: Target,
        site: Site,
        launcher: LauncherClient,
        fakes: Fakes,
        journal: Journal,
        watch: frozenset[Family],
        conducted: bool,
        faulty: bool,
        chance: random.Random,
    ) -> None:
        self.target = target
        self.site = site
        self.fakes = fakes
        self.faulty = faulty  # False in the control arm: the same work, without the fault
        self.chance = chance  # the plan's only source of choices
        self.conducted = conducted  # whether system calls can be stopped here
        self.launcher = launcher
        self.watch = watch
        self.actors: dict[str, Actor] = {}
        self.directors: list[Director] = []
        self.failures: list[BaseException] = []  # of the harness itself
        self.config_before: str | None = None  # as `prepare` left it
        self._journal = journal
        self._barrier: Barrier | None = None

    # -- what happened ------------------------------------------------------------------------------------------

    def record(self, what: What) -> None:
        self._journal.record(what)

    def note(self, text: str) -> None:
        """Tell the reader of the report something that no checker needs."""
        self.record(Noted(text=text))

    def history(self) -> History:
        return self._journal.history()

    # -- setting up ---------------------------------------------------------------------------------------------

    def prepare(self, setup: Setup) -> None:
        """Write the target's config and make the agents' workspaces."""
        for agent in setup.agents:
            self.site.workspace(agent).mkdir(parents=True, exist_ok=True)
        self.target.prepare(self.site, setup)
        config = self.target.config_file(self.site)
        self.config_before = config.read_text(encoding="utf-8") if config.exists() else None

    def script(self, *rules: Rule) -> None:
        """What the providers answer from now on. Whatever no rule matches gets the text "done"."""
        fallback = Rule("otherwise", Match(), (Text("done"),))
        self.fakes.set_script(Script((*rules, fallback)))

    def answer(self, name: str, *replies: Reply, **match: object) -> Rule:
        """A named rule of the script; `match` takes the fields of `fakes.script.Match`."""
        return Rule(name, Match(**match), tuple(replies))  # type: ignore[arg-type]

    def credential(self, family: str, *, expired: bool = False) -> SeededCredential:
        """A credential that the OAuth fake knows; an expired one must be refreshed before use."""
        assert self.fakes.oauth is not None
        return self.fakes.oauth.seed(family, account=f"account-{family}", expired=expired)

    # -- commands -----------------------------------------------------------------------------------------------

    async def start(self, intent: Intent, actor: str, *, streams: Streams | None = None) -> Actor:
        """Start a command and return while it runs."""
        if actor in self.actors:
            raise ValueError(f"actor {actor!r} was started before")
        if self._barrier is not None:
            self._barrier.expected.append(actor)
        started = await Actor.start(self, actor, intent, streams or Streams())
        self.actors[actor] = started
        return started

    async def run(self, intent: Intent, actor: str, *, streams: Streams | None = None) -> Outcome:
        """Start a command and wait for its end."""
        return await (await self.start(intent, actor, streams=streams)).finished()

    async def run_all(self, commands: Iterable[tuple[str, Intent]]) -> list[Outcome]:
        """Start all of them, then wait for all of them."""
        actors = [await self.start(intent, name) for name, intent in commands]
        return list(await asyncio.gather(*(actor.finished() for actor in actors)))

    async def add(self, *names: str) -> list[Outcome]:
        """Add agents concurrently, each by a command of its own."""
        intents = [(f"add-{name}", AddAgent(name=name, workspace=str(self.site.workspace(name)))) for name in names]
        return await self.run_all(intents)

    async def list_agents(self, actor: str = "list") -> tuple[str, ...]:
        """Ask the target for its agents. Raises TargetFailed when it cannot say."""
        outcome = await self.run(ListAgents(), actor)
        if outcome.agents is None:
            raise TargetFailed(f"{actor}: no list of agents: {outcome.message or outcome.code or 'no JSON'}")
        return outcome.agents

    async def list_runs(self, actor: str) -> tuple[RunSeen, ...]:
        """Ask the target for its runs. Raises TargetFailed when it cannot say."""
        outcome = await self.run(ListRuns(), actor)
        if outcome.runs is None:
            raise TargetFailed(f"{actor}: no list of runs: {outcome.message or outcome.code or 'no JSON'}")
        return outcome.runs

    async def turn(self, agent: str, text: str = "hi", *, actor: str | None = None, **options: object) -> Actor:
        """Start a turn. The message carries the actor's name, so that the fakes can tell who asks."""
        name = actor or agent
        return await self.start(Turn(agent=agent, message=f"[[{name}]] {text}", **options), name)  # type: ignore[arg-type]

    # -- faults: each does nothing in the control arm -------------------------------------------------------------

    def plan(self, fault: str) -> None:
        """This fault is to fire in this run; if it does not, the run is INCONCLUSIVE."""
        if self.faulty:
            self.record(FaultPlanned(fault=fault))

    def fired(self, fault: str, detail: str = "") -> None:
        if self.faulty:
            self.record(FaultFired(fault=fault, detail=detail))

    @asynccontextmanager
    async def barrier(self, fault: str, parties: int, where: Where) -> AsyncIterator[None]:
        """Hold each actor started inside at its first matching call, until all are there or can get no further."""
        self.plan(fault)
        if not self.faulty or not self.conducted:
            yield
            self.fired(fault, "all were started at once; this machine cannot stop system calls")
            return
        barrier = Barrier(
            fault=fault, parties=parties, where=where, order=self._shuffled, surroundings=self, record=self.record,
            hold=HOLD_SECONDS,
        )  # fmt: skip
        self.directors.append(barrier)
        self._barrier = barrier
        try:
            yield
        finally:
            self._barrier = None
            barrier.open("the scenario went on")
            self.directors.remove(barrier)

    @asynccontextmanager
    async def kill_at(self, fault: str, actor: str, index: int, where: Where) -> AsyncIterator[None]:
        """Kill the actor at its i-th matching call, before the call has run."""
        self.plan(fault)
        with_fault = self.faulty and self.conducted
        director = KillAt(fault=fault, actor=actor, index=index, where=where, record=self.record)
        self.directors += [director] if with_fault else []
        try:
            yield
        finally:
            if with_fault:
                self.directors.remove(director)

    @asynccontextmanager
    async def onlooker(self, where: Where, look: Callable[[StoppedCall], None]) -> AsyncIterator[None]:
        """Look at the world before every matching call; where calls cannot be stopped, every few milliseconds."""
        director = Onlooker(where=where, look=look)
        self.directors.append(director)
        try:
            yield
        finally:
            self.directors.remove(director)

    def signal(self, actor: Actor, number: signal.Signals, to: str = "process") -> None:
        """Signal an actor, as a fault that fires if the actor was still there."""
        fault = f"{number.name} to {actor.name}"
        self.plan(fault)
        if self.faulty and actor.signal(number, to=to):
            self.fired(fault)

    # -- looking ------------------------------------------------------------------------------------------------

    def is_config(self, call: StoppedCall) -> bool:
        """Whether a stopped call changes the config file itself, by whichever name the target's links give it."""
        return call.path == str(self.target.config_file(self.site).resolve())

    def look_at_config(self, *_: object) -> None:
        self.record(look_at_document("config", self.target.config_file(self.site)))

    def look_at_credentials(self, when: str) -> None:
        for what in look_at_credentials(self.target, self.site, when):
            self.record(what)

    def look_at_workspace(self, agent: str, when: str) -> None:
        self.record(look_at_workspace(self.site.workspace(agent), when))

    def look_at_tree(self, when: str) -> tuple[tree.Seen, ...]:
        seen = tree.below(self.launcher.pid)
        rows = tuple(ProcessSeen(pid=s.pid, parent=s.parent, actor=s.actor, command=s.command[:200]) for s in seen)
        self.record(TreeSeen(when=when, processes=rows))
        return seen

    async def survivors(self, actor: Actor, grace: float, *, listed: Sequence[RunSeen] = ()) -> None:
        """Wait until nothing of the actor is left, at most `grace` seconds; record whatever still is."""
        await actor.tree_ended(grace)
        handles = {str(run.pid): run.id for run in listed if run.pid}
        for seen in self.look_at_tree(f"{grace:g} s after {actor.name} had ended"):
            if seen.actor == actor.name:
                handle = handles.get(str(seen.pid), "")
                self.record(
                    SurvivorSeen(actor=actor.name, pid=seen.pid, command=seen.command[:200], listed=handle)
                )

    async def beat(self, child: str, *, within: float = 10.0) -> bool:
        """Wait until a child's heartbeat advances; record whether it did."""
        path, deadline = self.heartbeat(child), time.monotonic() + within
        first = beats(path)
        while (now := beats(path)) == first and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
        self.record(ChildBeat(child=child, beats=now, advanced=now != first))
        return now != first

    def heartbeat(self, child: str) -> Path:
        """The file in which this child counts."""
        return self.site.root / "beats" / child

    # -- for the barrier ----------------------------------------------------------------------------------------

    def still_running(self, actors: Sequence[str]) -> Sequence[str]:
        return [name for name in actors if name not in self.actors or not self.actors[name].exited]

    def progress(self, actors: Sequence[str]) -> Progress:
        roots = {self.actors[name].pid for name in actors if name in self.actors}
        return tree.progress(tree.family(roots))

    def _shuffled(self, calls: list[StoppedCall]) -> list[StoppedCall]:
        ordered = sorted(calls, key=lambda call: call.actor)
        self.chance.shuffle(ordered)
        return ordered


def beats(path: Path) -> int:
    """How often a child of `fakes.builds` has written to its heartbeat file so far."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def oauth_settings(policy: str = "strict") -> OAuthSettings:
    """The authorization server that scenarios use unless they say otherwise."""
    return OAuthSettings(policy=policy)
