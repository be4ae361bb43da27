"""One run's world: a folder, the fakes, the actors, and the order in which things happened to them.

The lab is all that a scenario's body can touch. It starts commands under the conductor, scripts the fakes, and injects
faults when this is the arm that has them.
"""

from __future__ import annotations

import asyncio
import random
import shlex
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import fakes.builds
from fakes.gates import Ticket
from fakes.oauth import SeededCredential
from fakes.oauth.rules import Grant
from fakes.script import Match, Rule, Script, Text
from fakes.server import Fakes
from harness import powercut
from harness.actor import Actor, Streams
from harness.conductor.calls import Family
from harness.conductor.directors import Barrier, Onlooker, Where
from harness.conductor.scheduler import Scheduler
from harness.conductor.supervisor import Director, StoppedCall
from harness.drawing import draw
from harness.errors import LabError, TargetFailed
from harness.events import (
    FaultFired,
    FaultPlanned,
    History,
    Hung,
    Noted,
    ReplyHeld,
    ReplySent,
    RequestReceived,
    Scheduled,
    TokenAnswered,
    What,
)
from harness.journal import Journal
from harness.look import Look
from harness.outcome import Outcome, RunSeen
from harness.outside import Outside
from harness.powercut import Recording
from harness.processes import tree
from harness.processes.client import LauncherClient
from harness.processes.tree import Progress, Stillness
from harness.schedules.decisions import Decisions, Fault, Follow
from harness.schedules.points import Touch
from harness.schedules.replay import Diverged
from harness.schedules.strategy import Strategy
from harness.schedules.trace import Trace
from harness.targets.protocol import AddAgent, Intent, ListAgents, ListRuns, Setup, Site, Target, Turn

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

T = TypeVar("T")
HOLD_SECONDS = 60.0  # the most that anything is held when the harness cannot tell that the others are blocked
_POLL = 0.005


@dataclass(frozen=True, slots=True)
class _HeldReply:
    """What the scheduler sees of an exchange that the fakes hold."""

    fakes: Fakes
    ticket: Ticket

    def waits(self) -> bool:
        return self.fakes.waits(self.ticket)

    def go(self) -> None:
        self.fakes.let_go(self.ticket)


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
        strategy: Strategy,
        decisions: Decisions,
        most_points: int | None = None,
        outside: Outside | None = None,
    ) -> None:
        self.target = target
        self.site = site
        self.fakes = fakes
        self.faulty = faulty  # False in the control arm: the same work, without the fault
        self.chance = chance  # the plan's only source of choices
        self.most_points = most_points  # of a sweep: 0 for all of them, None for as many as the scenario says
        self.untried: list[str] = []  # what a sweep left out, in words
        self.patience = target.patience  # seconds that a command may take before it counts as hanging
        self.conducted = conducted  # whether system calls can be stopped here
        self.launcher = launcher
        self.watch = watch
        self.outside = outside  # the names that lead to the fakes; None where calls cannot be stopped
        self.look = Look(self)
        self.actors: dict[str, Actor] = {}
        self.directors: list[Director] = []
        self.failures: list[BaseException] = []  # of the harness itself
        self.config_before: str | None = None  # as `prepare` left it
        self._journal = journal
        self.trace: Trace | None = None  # of the part of the run that was scheduled
        self.diverged: Diverged | None = None  # the run is a replay, and left its recording
        self._strategy = strategy
        self._decisions = decisions
        self._barrier: Barrier | None = None
        self._scheduler: Scheduler | None = None

    # -- what happened ------------------------------------------------------------------------------------------

    def record(self, what: What) -> None:
        self._journal.record(what)

    def note(self, text: str) -> None:
        """Tell the reader of the report something that no checker needs."""
        self.record(Noted(text=text))

    def history(self) -> History:
        return self._journal.history()

    @property
    def families(self) -> frozenset[Family]:
        """The calls that stop in this run: what the scenario watches, and what the network is sealed with."""
        return self.watch | (self.outside.families if self.outside is not None else {Family.NETWORK})

    def secrets(self) -> frozenset[str]:
        """Everything that may stand in credential files and nowhere else."""
        return self.fakes.oauth.secrets()

    # -- setting up ---------------------------------------------------------------------------------------------

    def prepare(self, setup: Setup, *, home: str = "home") -> None:
        """Write the target's config into a fresh home and make the agents' workspaces."""
        self.site = replace(self.site, home=self.site.root / home)
        self.site.home.mkdir()
        for agent in setup.agents:
            self.site.workspace(agent).mkdir(parents=True, exist_ok=True)
        self.target.prepare(self.site, setup)
        config = self.target.config_file(self.site)
        self.config_before = config.read_text(encoding="utf-8") if config.exists() else None

    def draw(self, what: str, strategy: SearchStrategy[T]) -> T:
        """A parameter of this run, by a Hypothesis strategy: the same for the same seed, in either arm."""
        value = draw(strategy, self.chance)
        self.note(f"drawn: {what} = {value!r}")
        return value

    def script(self, *rules: Rule) -> None:
        """What the providers answer from now on. Whatever no rule matches gets the text "done"."""
        self.fakes.set_script(Script((*rules, Rule("otherwise", Match(), (Text("done"),)))))

    def credential(self, family: str, *, expired: bool = False) -> SeededCredential:
        """A credential that the OAuth fake knows; an expired one must be refreshed before use."""
        return self.fakes.oauth.seed(family, account=f"account-{family}", expired=expired)

    def redeem_elsewhere(self, credential: SeededCredential) -> SeededCredential:
        """Refresh a credential as a program that is not under test would; gives the newer one."""
        grant = Grant(refresh_token=credential.refresh_token, client_id=self.fakes.oauth.settings.client_id)
        decided, issued = self.fakes.oauth.redeem(grant)
        if issued is None:
            raise LabError(f"the credential of {credential.family} could not be refreshed: {decided.decision}")
        return replace(
            credential,
            access_token=issued.access_token,
            refresh_token=issued.refresh_token,
            id_token=issued.id_token,
            expires_at=time.time() + issued.expires_in,
        )

    def heartbeat(self, child: str) -> Path:
        """The file in which this child counts, outside every workspace."""
        return self.site.root / "beats" / child

    def build(self, child: str, *flags: str, seconds: float = 120, beats_in: Path | None = None) -> str:
        """A shell command that behaves like a build and counts while it lives; flags are those of `fakes.builds`."""
        program = str(Path(fakes.builds.__file__).with_name("__main__.py"))
        heartbeat = str(beats_in or self.heartbeat(child))
        words = (sys.executable, "-S", "-E", program, "--heartbeat", heartbeat, "--seconds", f"{seconds:g}", *flags)
        return shlex.join(words)

    # -- commands -----------------------------------------------------------------------------------------------

    async def start(self, intent: Intent, actor: str, *, streams: Streams | None = None) -> Actor:
        """Start a command and return while it runs."""
        if actor in self.actors:
            raise ValueError(f"actor {actor!r} was started before")
        if self._barrier is not None:
            self._barrier.expected.append(actor)
        started = await Actor.start(self, actor, intent, streams or Streams())
        self.actors[actor] = started
        if self._scheduler is not None and started.supervisor is not None:
            self._scheduler.start(actor, started.supervisor)
        return started

    async def run(self, intent: Intent, actor: str, *, streams: Streams | None = None) -> Outcome:
        """Start a command and wait for its end."""
        return await (await self.start(intent, actor, streams=streams)).finished()

    async def run_all(self, commands: Iterable[tuple[str, Intent]]) -> list[Outcome]:
        """Start all of them, then wait for all of them."""
        wanted = [(name, intent) for name, intent in commands if name not in self._decisions.absent]
        actors = [await self.start(intent, name) for name, intent in wanted]
        return list(await asyncio.gather(*(actor.finished() for actor in actors)))

    async def add(self, *names: str) -> list[Outcome]:
        """Add agents concurrently, each by a command of its own."""
        return await self.run_all((f"add-{name}", self.adding(name)) for name in names)

    def adding(self, name: str) -> AddAgent:
        return AddAgent(name=name, workspace=str(self.site.workspace(name)))

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

    async def turn(
        self, agent: str, text: str = "hi", *, actor: str | None = None, timeout: float | None = None
    ) -> Actor:
        """Start a turn. The message carries the actor's name, so that the fakes can tell who asks."""
        name = actor or agent
        return await self.start(self.turning(agent, text, actor=name, timeout=timeout), name)

    def turning(self, agent: str, text: str = "hi", *, actor: str | None = None, timeout: float | None = None) -> Turn:
        """A turn that carries the name of the actor that is to do it, else the agent's."""
        return Turn(agent=agent, message=f"[[{actor or agent}]] {text}", timeout=timeout)

    async def undisturbed(self, agent: str) -> float:
        """Run a turn that nothing disturbs; gives a --timeout, in seconds, that it stays well below here and now."""
        run = await self.turn(agent, actor="undisturbed")
        outcome = await run.finished()
        if not outcome.ok:
            raise TargetFailed(f"a turn that nothing disturbed failed: {outcome.message or outcome.code}")
        return round(1 + 6 * run.seconds, 1)

    async def ends_within(self, actor: Actor, grace: float) -> bool:
        """Wait for the command's own end, at most `grace` seconds; whether it came."""
        done, _ = await asyncio.wait([asyncio.ensure_future(actor.finished())], timeout=grace)
        return bool(done)

    # -- what the fakes have seen so far ----------------------------------------------------------------------------

    def asked(self, actor: str, provider: str) -> bool:
        """Whether a request of this actor has reached this provider."""
        seen = self.history().of(RequestReceived)
        return any(what.marker == actor and what.provider == provider for _, what in seen)

    def hung(self) -> bool:
        """Whether a command had to be killed because it did not end."""
        return any(True for _ in self.history().of(Hung))

    def replied_with_errors(self) -> int:
        """How many providers have answered with an error."""
        return len({what.provider for _, what in self.history().of(ReplySent) if what.status >= 400})

    def granted(self, family: str) -> bool:
        """Whether a token request of this credential was answered with new tokens."""
        return any(what.family == family and what.status == 200 for _, what in self.history().of(TokenAnswered))

    def refused_grants(self) -> int:
        """How many token requests were refused."""
        return sum(what.status >= 400 for _, what in self.history().of(TokenAnswered))

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
            self.fired(fault, "all were started at once; system calls are not stopped in this run")
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
    async def scheduled(
        self, fault: str, parties: int, where: Where | None = None, *, gates: Collection[str] = ()
    ) -> AsyncIterator[None]:
        """Let the actors started inside go on one at a time, in the plan's order, at the calls that match.

        Without `where` these are all calls on the target's home and the workspaces. What the fakes hold at one of the
        `gates` is let go in the plan's order as well, one exchange at a time. Raises what the schedule raised: a replay
        that left its recording proves nothing.
        """
        self.plan(fault)
        if not self.faulty or not self.conducted:
            for gate in gates:
                self.fakes.release(gate)
            yield
            self.fired(fault, "all were started at once; system calls are not stopped in this run")
            return
        scheduler = Scheduler(
            fault=fault, parties=parties - len(self._decisions.absent), where=where or self.is_state,
            root=str(self.site.root), strategy=self._strategy, decisions=self._decisions, surroundings=self,
            record=self.record,
        )  # fmt: skip
        forget = self.fakes.on_held(lambda ticket: self._hold(scheduler, ticket, gates))
        try:
            async with self._in_force(scheduler):
                yield
        finally:
            forget()
            self.trace = scheduler.trace
            for gate in gates:
                self.fakes.release(gate)
        scheduler.finish()

    @asynccontextmanager
    async def struck(self, fault: Fault, where: Where) -> AsyncIterator[None]:
        """Let this fault strike the one actor started inside, at its point among the calls that match.

        A scheduler of one party: the processes and threads of the actor take turns, so that its points are the same in
        every run. Without the point, the fault has not fired.
        """
        self.plan(str(fault))
        decisions = Decisions((fault,))
        scheduler = Scheduler(
            fault=str(fault), parties=1, where=where, root=str(self.site.root), strategy=Follow(decisions),
            decisions=decisions, surroundings=self, record=self._record_strike,
        )  # fmt: skip
        async with self._in_force(scheduler):
            yield
        for point in scheduler.struck:
            self.fired(str(fault), f"{fault.what} at {point}")
        if scheduler.failure is not None:
            raise scheduler.failure

    @asynccontextmanager
    async def _in_force(self, scheduler: Scheduler) -> AsyncIterator[None]:
        self.directors.append(scheduler)
        self._scheduler = scheduler
        try:
            yield
        finally:
            self._scheduler = None
            self.directors.remove(scheduler)
            scheduler.open()

    def _record_strike(self, what: What) -> None:
        """Of a run with one fault only the turn that has it is worth an entry; whether it fired is said at the end."""
        if isinstance(what, Scheduled) and what.fault:
            self.record(what)

    @asynccontextmanager
    async def recorded(self) -> AsyncIterator[Recording]:
        """Record what the commands started inside do to the home; `cuts()` of it then tries every power cut.

        They must have ended with the block, and the scenario must watch WATCH_WRITES.
        """
        self.plan(powercut.FAULT)
        recording = Recording(self, self.site.home)
        recording.begin()
        try:
            yield recording
        finally:
            recording.end()

    @asynccontextmanager
    async def onlooker(self, fault: str, where: Where, look: Callable[[], object]) -> AsyncIterator[None]:
        """Look before every matching call of a target; where calls cannot be stopped, look every few milliseconds."""
        self.plan(fault)
        director = Onlooker(where=where, look=lambda _call: look())
        polling = None if self.conducted else asyncio.create_task(self._keep_looking(director, look))
        self.directors.append(director)
        try:
            yield
        finally:
            self.directors.remove(director)
            if polling is not None:
                polling.cancel()
            if director.looks:
                self.fired(fault, f"{director.looks} looks")

    def hold(self, gate: str) -> None:
        """Keep whatever arrives at this gate of the fakes until `release`; in the control arm the gate stands open."""
        self.plan(f"held at {gate}")
        if not self.faulty:
            self.fakes.release(gate)

    async def reached(self, gate: str, *, parties: int = 1, by: Sequence[Actor] = ()) -> bool:
        """Wait until so many exchanges are held at the gate, or until the actors can get no further."""
        if not self.faulty:
            return False
        stillness, give_up = Stillness(), asyncio.get_running_loop().time() + HOLD_SECONDS
        names = [actor.name for actor in by]
        while self.fakes.held.get(gate, 0) < parties and asyncio.get_running_loop().time() < give_up:
            running = self.still_running(names)
            if by and (not running or (self.fakes.held.get(gate) and stillness.look(self.progress(running)))):
                break
            await asyncio.sleep(Stillness.INTERVAL if by else _POLL)
        held = self.fakes.held.get(gate, 0)
        if held:
            self.fired(f"held at {gate}", f"{held} held")
        return held > 0

    def release(self, gate: str) -> None:
        """Let go of everything at the gate, and of all that comes."""
        self.fakes.release(gate)

    def signal(self, actor: Actor, number: signal.Signals, *, to: str = "process") -> None:
        """Signal an actor: a fault that fires if the actor was still there."""
        fault = f"{number.name} to the {to} of {actor.name}"
        self.plan(fault)
        if self.faulty and actor.signal(number, to=to):
            self.fired(fault)

    def _hold(self, scheduler: Scheduler, ticket: Ticket, gates: Collection[str]) -> None:
        """Make a point of a reply that the fakes hold; the first to be held at a gate is "gate/1", and so on."""
        if ticket.gate in gates:
            number = sum(what.gate == ticket.gate for _, what in self.history().of(ReplyHeld))
            reply = _HeldReply(self.fakes, ticket)
            scheduler.hold(f"{ticket.gate}/{number}", (Touch(f"gate:{ticket.gate}", True),), reply)

    def is_credentials(self, call: StoppedCall) -> bool:
        """Whether a stopped call concerns a file of credentials, or another beside it that has its name in its own."""
        files = [str(path.resolve().with_suffix("")) for path in self.target.credentials_files(self.site)]
        return any(path.startswith(file) for path in call.paths for file in files)

    def is_state(self, call: StoppedCall) -> bool:
        """Whether a stopped call concerns what other commands can see: the target's home, or a workspace."""
        folders = (self.site.home, self.site.workspaces)
        return any(Path(path).is_relative_to(folder) for path in call.paths for folder in folders)

    def is_config(self, call: StoppedCall) -> bool:
        """Whether a stopped call changes the config file itself, by whichever path the target reaches it."""
        return call.path == str(self.target.config_file(self.site).resolve())

    def is_store(self, call: StoppedCall) -> bool:
        """Whether a stopped call concerns a file of credentials, or a temporary that is named after one."""
        names = [path.name for path in self.target.credentials_files(self.site)]
        return any(name in Path(path).name for path in call.paths for name in names)

    # -- for the barrier ----------------------------------------------------------------------------------------

    def still_running(self, actors: Sequence[str]) -> Sequence[str]:
        return [name for name in actors if name not in self.actors or not self.actors[name].exited]

    def processes(self, actor: str) -> frozenset[int]:
        """All processes of an actor that are alive; one that never forked is only itself."""
        started = self.actors[actor]
        plural = started.supervisor is None or started.supervisor.plural
        return tree.family({started.pid}) if plural else frozenset({started.pid})

    def progress(self, actors: Sequence[str]) -> Progress:
        roots = {self.actors[name].pid for name in actors if name in self.actors}
        return tree.progress(tree.family(roots))

    def _shuffled(self, calls: list[StoppedCall]) -> list[StoppedCall]:
        ordered = sorted(calls, key=lambda call: call.actor)
        self.chance.shuffle(ordered)
        return ordered

    async def _keep_looking(self, onlooker: Onlooker, look: Callable[[], object]) -> None:
        while True:
            onlooker.looks += 1
            look()
            await asyncio.sleep(_POLL)
